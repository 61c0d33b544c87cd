//! Spellings of locations.

use csbackup_repo::{Location, LocationError, StoreCredentials};

fn shown(text: &str) -> String {
    text.parse::<Location>().unwrap().to_string()
}

fn error(text: &str) -> String {
    text.parse::<Location>().unwrap_err().to_string()
}

#[test]
fn folders_are_folders_on_every_system() {
    let folders = [
        "/srv/backup",
        "backup",
        "./s3:odd",
        r"D:\repo",
        "D:/repo",
        "d:repo",
        r"\\host\share\repo",
        r"\\?\C:\repo",
        "/srv/a:b",
        "../x",
        "my folder",
        "/s3:x",
    ];
    for folder in folders {
        assert_eq!(folder.parse(), Ok(Location::Local(folder.into())), "{folder}");
        assert_eq!(shown(folder), folder);
    }
    assert_eq!("local:/srv/backup".parse(), Ok(Location::Local("/srv/backup".into())));
    assert_eq!(r"local:D:\repo".parse(), Ok(Location::Local(r"D:\repo".into())));
}

#[test]
fn buckets_are_spelt_as_restic_spells_them() {
    let table = [
        ("s3:https://host:9000/bucket/a/b", Some("https://host:9000"), "bucket", "a/b"),
        ("s3:http://[::1]:9000/bucket", Some("http://[::1]:9000"), "bucket", ""),
        ("s3:https://host/bucket/a b/c%41/", Some("https://host"), "bucket", "a b/c%41"),
        ("s3:bucket/prefix", None, "bucket", "prefix"),
        ("s3://bucket/prefix", None, "bucket", "prefix"),
        ("s3:bucket.with.dots", None, "bucket.with.dots", ""),
        (
            "s3:s3.eu-central-1.amazonaws.com/bucket/p",
            Some("https://s3.eu-central-1.amazonaws.com"),
            "bucket",
            "p",
        ),
        ("s3:host:9000/bucket//p/", Some("https://host:9000"), "bucket", "p"),
    ];
    for (text, endpoint, name, prefix) in table {
        let Ok(Location::S3(bucket)) = text.parse() else { panic!("{text} is no bucket") };
        assert_eq!(
            (bucket.endpoint.as_deref(), &*bucket.name, &*bucket.prefix),
            (endpoint, name, prefix),
            "{text}"
        );
        assert_eq!(Ok(Location::S3(bucket.clone())), format!("s3:{bucket}").parse(), "{text}");
    }
}

#[test]
fn rest_servers_are_addresses() {
    assert_eq!(shown("rest:http://host:8000"), "rest:http://host:8000");
    assert_eq!(shown("rest:https://user@host/path/"), "rest:https://user@host/path");
    let Ok(Location::Rest(url)) = "rest:https://host/a/b".parse() else { panic!("no rest server") };
    assert_eq!(url.path(), "/a/b/");
}

#[test]
fn a_location_with_a_secret_is_refused_and_not_repeated() {
    for text in
        ["rest:https://user:hunter2@host/", "s3:https://key:hunter2@host/bucket", "s3:https://hunter2@host/b"]
    {
        let said = error(text);
        assert!(said.contains("instead") && !said.contains("hunter2"), "{said}");
    }
    assert!(error("rest:https://u:p@host/").contains("RESTIC_REST_PASSWORD"));
    assert!(error("s3:https://u:p@host/b").contains("AWS_SECRET_ACCESS_KEY"));
}

#[test]
fn what_cannot_be_a_location_says_why() {
    assert_eq!("".parse::<Location>(), Err(LocationError::Empty));
    assert_eq!("local:".parse::<Location>(), Err(LocationError::Empty));
    assert_eq!("s3:".parse::<Location>(), Err(LocationError::NoBucket));
    assert_eq!("s3:https://host/".parse::<Location>(), Err(LocationError::NoBucket));
    assert_eq!("sftp:host:/x".parse::<Location>(), Err(LocationError::UnknownScheme("sftp".into())));
    assert_eq!("https://host/x".parse::<Location>(), Err(LocationError::UnknownScheme("https".into())));
    for text in ["rest:host/x", "rest:ftp://host/x", "rest:", "s3:ftp://host/bucket", "rest:http://h/?a=b"] {
        assert!(matches!(text.parse::<Location>(), Err(LocationError::Address { .. })), "{text}");
    }
}

#[test]
fn credentials_are_never_shown() {
    let credentials = StoreCredentials::from_variables(|_| Some("hunter2".to_owned()));
    assert!(!format!("{credentials:?}").contains("hunter2"));
}
