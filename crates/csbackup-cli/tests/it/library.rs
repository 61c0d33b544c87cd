//! The tail-eating test: the program loads our Certadm, which speaks DCOM to an embedded CA.

use std::fs;
use std::path::{Path, PathBuf};

use certadm::Call;
use certsrv::Fault;

use crate::net::{Net, PASSWORD, USER, free_port};
use crate::world::{Run, World, files_below};

/// Our library, as cargo built it beside the program.
pub(crate) fn path() -> PathBuf {
    let folder = Path::new(env!("CARGO_BIN_EXE_csbackup")).parent().expect("the program lies in a folder");
    let name = format!("{}certadm_dll{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let places = [folder.join(&name), folder.join("deps").join(&name)];
    places.into_iter().find(|path| path.is_file()).expect("our library was built with the tests")
}

/// The program with the log-on of the operator in the library's own settings.
pub(crate) fn run(net: &Net, args: &[&str]) -> Run {
    let resolver = net.server.local_addrs().resolver;
    let password = net.world.path("library.pw");
    fs::write(&password, PASSWORD).expect("write the password");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(&password, fs::Permissions::from_mode(0o600)).expect("make it private");
    }
    let port = resolver.port().to_string();
    let password = password.to_str().expect("a path in UTF-8");
    let variables = [
        ("CERTADM_ADDRESS", "127.0.0.1"),
        ("CERTADM_PORT", &port),
        ("CERTADM_USER", USER),
        ("CERTADM_PASSWORD_FILE", password),
        ("CERTADM_AUTH", "ntlm"),
    ];
    let library = path();
    let library = library.to_str().expect("a path in UTF-8");
    let place = ["--ca", r"ca01.example.test\ExampleCA", "--certadm", library];
    let (command, rest) = args.split_first().expect("a command");
    net.world.run_with(&variables, &[&[*command], &place[..], rest].concat())
}

/// A backup to `sets`, all places of the CA mapped.
pub(crate) fn backup(net: &Net, args: &[&str]) -> Run {
    let maps = net.world.ca().mappings().into_iter();
    let maps: Vec<String> = maps.map(|(share, path)| format!("--map={share}={}", path.display())).collect();
    let maps: Vec<&str> = maps.iter().map(String::as_str).collect();
    run(net, &[&["backup", "--dir", "sets"], &maps[..], args].concat())
}

/// Everything of the newest set that came from the CA's database and logs, by name.
fn data(world: &World) -> Vec<(String, Vec<u8>)> {
    let folder = world.newest().1;
    let names = files_below(&folder).into_iter();
    let data = names.filter(|name| name.starts_with("DataBase/") || name.starts_with("DynamicFiles/"));
    data.map(|name| (name.clone(), fs::read(folder.join(&name)).expect("read the set"))).collect()
}

#[test]
fn a_chain_through_our_library_is_byte_identical_to_one_taken_directly() {
    let (through, direct) = (Net::new(), Net::new());
    for kind in ["full", "incremental"] {
        let run = backup(&through, &[]).exits(0);
        assert!(run.stdout.contains("logs on the CA:"), "the logs were truncated: {}", run.stdout);
        direct.backup(&[]).exits(0);
        let (ours, theirs) = (data(&through.world), data(&direct.world));
        assert!(ours.len() > 1 && ours == theirs, "the {kind} sets differ");
        assert_eq!(through.world.newest().0.manifest.kind.to_string(), kind);
        for net in [&through, &direct] {
            net.world.run(&["ca", "advance", "ca"]).exits(0);
        }
    }
    through.world.run(&["verify", "--all", "--dir", "sets"]).exits(0);
}

#[test]
fn ping_tells_what_the_library_tells() {
    let net = Net::new();
    let ping = run(&net, &["ping", "--json"]).exits(0).message("ping");
    assert_eq!((&ping["state"], &ping["ready"]), (&"online".into(), &true.into()));
    assert_eq!(ping["library"], path().to_str().expect("a path in UTF-8"));
}

#[test]
fn a_session_that_breaks_truncates_nothing_and_the_next_one_succeeds() {
    let net = Net::new();
    net.world.fault(Call::BackupReadFile, Fault::Fail(dtyp::HResult::DISK_IO));
    let net = Net { server: restarted(&net.world), world: net.world };
    let run = backup(&net, &[]);
    assert_ne!(run.code, Some(0), "{}", run.stdout);
    assert_eq!(net.world.sets(), []);
    assert_eq!(net.world.ca().generations(), 1..=9);
    net.world.configure(|config| config.faults.clear());
    let net = Net { server: restarted(&net.world), world: net.world };
    backup(&net, &[]).exits(0);
}

fn restarted(world: &World) -> certsrv::Server {
    certsrv::Server::start(&world.ca(), certsrv::ServerOptions::default()).expect("serve the CA")
}

#[test]
fn arguments_that_a_library_cannot_use_are_refused() {
    let world = World::new();
    let library = path();
    let library = library.to_str().expect("a path in UTF-8");
    let port = free_port();
    let with_port = format!(r"ca01:{port}\ExampleCA");
    for (args, text) in [
        (vec!["--ca", "ca01", "--certadm", library], r"Certadm does not tell the name of a CA"),
        (vec!["--ca", &with_port, "--certadm", library], "Certadm is told a host and no port"),
        (vec!["--ca", r"ca01\A", "--certadm", library, "--user", "a@b"], "Certadm logs on by itself"),
        (vec!["--ca-dir", "ca", "--certadm", library], "cannot be used with"),
        #[cfg(not(windows))]
        (vec!["--local", "--certadm", library], "only Windows tells which CA is on this machine"),
    ] {
        let run = world.run(&[&["ping"], &args[..]].concat()).exits(2);
        assert!(run.stderr.contains(text), "{}", run.stderr);
    }
}

#[test]
fn a_library_that_is_none_is_named() {
    let world = World::new();
    fs::write(world.path("text.so"), "no library").expect("write a file");
    for (library, text) in [
        ("missing.so", "there is no `"),
        ("text.so", "is no library for"),
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        ("/lib/x86_64-linux-gnu/libm.so.6", "has no function `CertSrvIsServerOnlineW`"),
    ] {
        let run = world.run(&["ping", "--ca", r"ca01\A", "--certadm", library]).exits(1);
        assert!(run.stderr.contains(text), "{}", run.stderr);
    }
    #[cfg(not(windows))]
    {
        let run = world.run(&["ping", "--local"]).exits(1);
        assert!(run.stderr.contains("this system has no Certadm.dll of its own"), "{}", run.stderr);
        assert!(run.stderr.contains("hint: `--certadm PATH` names a library"), "{}", run.stderr);
    }
}
