//! Completions and man pages of the program.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use tempfile::TempDir;

use crate::world::run_in;

/// Both folders, freshly written.
fn generated() -> TempDir {
    let temp = tempfile::tempdir().expect("create a temporary folder");
    run_in(temp.path(), &["generate", "out"]).exits(0);
    temp
}

#[test]
fn every_command_has_a_man_page() {
    let temp = generated();
    let help = run_in(temp.path(), &["--help"]).exits(0).stdout;
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands = commands.take_while(|line| !line.is_empty()).filter(|line| line.starts_with("  "));
    // A line that goes on with the help of the one before is indented further.
    let commands =
        commands.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
    let mut expected: BTreeSet<String> =
        commands.filter(|name| *name != "help").map(|name| format!("csbackup-{name}.1")).collect();
    assert!(expected.contains("csbackup-backup.1"), "{help}");
    expected.insert("csbackup.1".to_owned());
    expected.insert("csbackup-ca-new.1".to_owned());

    let entries = fs::read_dir(temp.path().join("out/man")).expect("list the man pages");
    let pages: BTreeSet<String> =
        entries.map(|entry| entry.expect("an entry").file_name().display().to_string()).collect();
    assert_eq!(expected.difference(&pages).collect::<Vec<_>>(), Vec::<&String>::new());
    let page = fs::read_to_string(temp.path().join("out/man/csbackup-backup.1")).expect("read a page");
    assert!(page.contains("keep\\-logs"), "{page}");
}

#[test]
fn completions_are_there_for_four_shells() {
    let temp = generated();
    for name in ["csbackup.bash", "_csbackup", "csbackup.fish", "_csbackup.ps1"] {
        let script =
            fs::read_to_string(temp.path().join("out/completions").join(name)).expect("read a script");
        assert!(script.contains("keep-logs"), "{name}");
    }
}

/// Bash is asked what it would offer.
#[test]
fn bash_completes_commands_and_options() {
    let temp = generated();
    let offered = |words: &str| -> BTreeSet<String> {
        let script = format!(
            "source out/completions/csbackup.bash; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _csbackup csbackup \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"; \
             printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        let output = Command::new("bash").args(["-c", &script]).current_dir(temp.path()).output();
        let output = output.expect("run bash");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
    };
    assert_eq!(offered("csbackup ba"), BTreeSet::from(["backup".to_owned()]));
    assert_eq!(offered("csbackup backup --keep"), BTreeSet::from(["--keep-logs".to_owned()]));
    assert_eq!(offered("csbackup backup --type in"), BTreeSet::from(["incremental".to_owned()]));
}
