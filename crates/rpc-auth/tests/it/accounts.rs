//! Names, methods and secrets as people type them.

use rpc_auth::{Account, Method, Secret};

#[test]
fn accounts_have_three_spellings() {
    for (text, user, domain) in [
        (r"LAB\backup", "backup", "LAB"),
        (r"lab.test\backup", "backup", "lab.test"),
        ("backup@lab.test", "backup", "lab.test"),
        ("first@last@lab.test", "first@last", "lab.test"),
        ("backup", "backup", ""),
    ] {
        let account: Account = text.parse().unwrap();
        assert_eq!((account.user(), account.domain()), (user, domain));
        assert_eq!(account.to_string(), text);
    }
    let local: Account = r".\backup".parse().unwrap();
    assert_eq!((local.user(), local.domain()), ("backup", ""));
}

#[test]
fn other_spellings_are_refused() {
    for text in ["", r"LAB\", r"\backup", "@lab.test", "backup@", r"A\B\c", "back\nup"] {
        let error = text.parse::<Account>().unwrap_err().to_string();
        let expected = format!(
            "`{}` is not an account name (`DOMAIN\\user`, `user@realm` or `user`)",
            text.escape_debug()
        );
        assert_eq!(error, expected);
    }
}

#[test]
fn methods_have_names() {
    for (text, method) in
        [("ntlm", Method::Ntlm), ("kerberos", Method::Kerberos), ("Negotiate", Method::Negotiate)]
    {
        assert_eq!(text.parse::<Method>().unwrap(), method);
        assert_eq!(method.to_string(), text.to_lowercase());
    }
    let error = "basic".parse::<Method>().unwrap_err();
    assert_eq!(error.to_string(), "`basic` is not a way to log on (`negotiate`, `kerberos` or `ntlm`)");
}

#[test]
fn a_secret_is_not_shown() {
    assert_eq!(format!("{:?}", Secret::new("Secret1!".into())), "Secret(..)");
}
