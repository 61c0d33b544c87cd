//! Where settings come from. Each case is a run of the example: its environment is its own.

use std::path::PathBuf;

use crate::c::{Example, text};
use crate::world::{Ca, PASSWORD, USER, private};

/// A CA that is only found by its settings.
struct Case {
    example: Example,
    ca: Ca,
    runs: std::cell::Cell<u32>,
}

const SERVER: &str = "CA01.corp.example";

impl Case {
    fn new() -> Option<Self> {
        Some(Self { example: Example::new()?, ca: Ca::new(), runs: Default::default() })
    }

    fn password_file(&self, content: &str) -> PathBuf {
        let path = self.example.folder.path().join("password");
        private(&path, content);
        path
    }

    /// A file that says where the CA is, and `more` in the section of its server.
    fn file(&self, defaults: &str, more: &str) -> String {
        let address = self.ca.server.local_addrs().resolver;
        format!(
            "[defaults]\nauth = 'ntlm'\n{defaults}\n[server.'ca01.corp.example']\naddress = '{}'\nport = {}\n{more}\n",
            address.ip(),
            address.port()
        )
    }

    /// Backs up; the exit code and what was said.
    fn run(&self, config: &str, environment: &[(&str, &str)]) -> (Option<i32>, String) {
        let number = self.runs.get();
        self.runs.set(number + 1);
        let to = self.example.folder.path().join(number.to_string());
        let mut command = self.example.bare_command(&[], config);
        let output = command.envs(environment.iter().copied()).arg(SERVER).arg(to).output().unwrap();
        (output.status.code(), text(&output))
    }

    #[track_caller]
    fn works(&self, config: &str, environment: &[(&str, &str)]) {
        let (code, text) = self.run(config, environment);
        assert_eq!(code, Some(0), "{text}");
    }

    /// It fails at its first question to the CA, and the log has `words`.
    #[track_caller]
    fn fails(&self, config: &str, environment: &[(&str, &str)], words: &str) {
        let (code, text) = self.run(config, environment);
        assert_eq!(code, Some(3), "{text}");
        assert!(text.contains(words), "no {words:?} in {text}");
        assert!(!text.contains(PASSWORD), "the password is in {text}");
    }
}

#[test]
fn a_section_counts_before_the_defaults_and_the_environment_before_both() {
    let Some(case) = Case::new() else { return };
    let password = case.password_file(&format!("{PASSWORD}\r\n"));
    let good = format!("user = '{USER}'\npassword_file = '{}'", password.display());
    let bad = "user = 'nobody'\npassword_file = '/nowhere'";
    case.works(&case.file(&good, ""), &[]);
    case.works(&case.file(bad, &good), &[]);
    case.works(&case.file("", bad), &[("CERTADM_USER", USER), ("CERTADM_PASSWORD", PASSWORD)]);
    // Another proof in the environment, too.
    case.works(&case.file(&good, "keytab = '/nowhere'"), &[("CERTADM_PASSWORD", PASSWORD)]);
    case.fails(&case.file(&good, bad), &[], "/nowhere");
    case.fails(&case.file(&good, ""), &[("CERTADM_USER", "nobody")], "ERROR_LOGON_FAILURE");
    case.fails(&case.file(&good, ""), &[("CERTADM_PORT", "1")], "RPC_S_SERVER_UNAVAILABLE");
    case.fails(&case.file(&good, ""), &[("CERTADM_AUTH", "kerberos")], "is an address");
    // An empty variable is not set.
    case.works(&case.file(&good, ""), &[("CERTADM_PORT", "")]);
}

#[test]
fn a_password_file_is_private_and_holds_a_password() {
    let Some(case) = Case::new() else { return };
    let path = case.password_file(PASSWORD);
    let file = case.file(&format!("user = '{USER}'\npassword_file = '{}'", path.display()), "");
    case.works(&file, &[]);
    #[cfg(unix)]
    for mode in [0o640, 0o604, 0o620] {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        case.fails(&file, &[], "others can open it");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    }
    for (content, words) in [("", "is empty"), ("\n", "is empty"), (&"x".repeat(4097), "longer than 4096")] {
        case.password_file(content);
        case.fails(&file, &[], words);
    }
    std::fs::write(&path, [0xFF, 0xFE]).unwrap();
    case.fails(&file, &[], "not UTF-8");
}

#[test]
fn nobody_in_particular_has_no_credentials() {
    let Some(case) = Case::new() else { return };
    case.fails(&case.file("", ""), &[], "0x8009030E");
    case.fails(&case.file("", ""), &[("CERTADM_PASSWORD", PASSWORD)], "no `user` is configured");
}

#[test]
fn a_configuration_that_makes_no_sense_is_named_without_its_secrets() {
    let Some(case) = Case::new() else { return };
    let log_in = [("CERTADM_USER", USER), ("CERTADM_PASSWORD", PASSWORD)];
    // A password does not belong there, and is not repeated.
    let file = case.file(&format!("password = '{PASSWORD}'"), "");
    case.fails(&file, &log_in, "line 3: unknown field `password`");
    case.fails(&case.file(&format!("password = '{PASSWORD}"), ""), &log_in, "line 3");
    case.fails(&case.file("port = 70000", ""), &log_in, "line 3");
    case.fails(&case.file("auth2 = 1", ""), &log_in, "0x8007064A");
    case.fails(&case.file("", ""), &[&log_in[..], &[("CERTADM_PORT", "x")]].concat(), "CERTADM_PORT");
    case.fails(&case.file("", ""), &[&log_in[..], &[("CERTADM_AUTH", "magic")]].concat(), "`magic`");
    let two = [&log_in[..], &[("CERTADM_KEYTAB", "/nowhere")]].concat();
    case.fails(&case.file("", ""), &two, "more than one");
    case.fails("", &[&log_in[..], &[("CERTADM_CONFIG", "/nowhere.toml")]].concat(), "/nowhere.toml");
    let huge = format!("# {}", "x".repeat(1024 * 1024));
    case.fails(&huge, &log_in, "longer than");
}

#[test]
fn the_log_is_a_file_where_it_names_one() {
    let Some(case) = Case::new() else { return };
    let log = case.example.folder.path().join("log");
    for lines in 1..3 {
        let (code, said) = case.run(&case.file("", ""), &[("CERTADM_LOG", log.to_str().unwrap())]);
        assert_eq!(code, Some(3));
        assert!(!said.contains("CertSrvIsServerOnlineW:"));
        let text = std::fs::read_to_string(&log).unwrap();
        assert_eq!(text.lines().count(), lines, "{text}");
        assert!(text.contains(" CertSrvIsServerOnlineW: 0x8009030E"), "{text}");
    }
}
