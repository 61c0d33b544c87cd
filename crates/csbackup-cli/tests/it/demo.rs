//! The first command of a newcomer.

use crate::world::run_in;

#[test]
fn the_demo_passes_and_says_what_it_did() {
    let temp = tempfile::tempdir().expect("create a temporary folder");
    let run = run_in(temp.path(), &["demo"]).exits(0);
    for shown in [
        "1. a full backup of ca01.example.test\\ExampleCA",
        "logs on the CA: 9 (0x1-0x9) before truncation, ",
        "damage in `ExampleCA.edb`: page 60 ",
        "the damaged copy: damaged; ",
        "database and logs equal what the CA delivered",
        "generations 0xb-0xc",
        "demo passed",
        "repository",
    ] {
        assert!(run.stdout.contains(shown), "`{shown}` is missing in:\n{}", run.stdout);
    }
    assert_eq!(std::fs::read_dir(temp.path()).expect("list").count(), 0, "the demo left something behind");
}

#[test]
fn the_demo_as_json_is_one_object_a_line_and_ends_with_passed() {
    let temp = tempfile::tempdir().expect("create a temporary folder");
    let run = run_in(temp.path(), &["demo", "--json"]).exits(0);
    let messages = run.messages();
    assert_eq!(messages.last().expect("there are messages")["message_type"], "demo");
    assert_eq!(messages.last().expect("there are messages")["passed"], true);
    let steps: Vec<_> = run.of_type("demo_step").iter().map(|step| step["step"].clone()).collect();
    assert_eq!(steps, [1, 2, 3, 4, 5, 6]);
    let verdicts: Vec<_> = run.of_type("verified").iter().map(|v| v["verdict"].clone()).collect();
    assert_eq!(verdicts, ["good", "good", "damaged", "good", "good"]);
    assert_eq!(run.stderr, "", "with --json nothing is left for stderr");
}

#[test]
fn the_demo_keeps_its_folder_on_request_and_wants_it_empty() {
    let temp = tempfile::tempdir().expect("create a temporary folder");
    run_in(temp.path(), &["demo", "--keep", "kept", "--quiet"]).exits(0);
    let repository = ["--repo", "kept/backup", "--repo-password-file", "kept/password"];
    let list = run_in(temp.path(), &[&["list", "--json"], &repository[..]].concat()).exits(0);
    let kinds: Vec<_> = list.of_type("set").iter().map(|set| set["kind"].clone()).collect();
    assert_eq!(kinds, ["full", "incremental", "full"]);
    let again = run_in(temp.path(), &["demo", "--keep", "kept"]).exits(1);
    assert_eq!(again.stderr, "error: `kept` is not empty: the demo wants a folder of its own\n");
}
