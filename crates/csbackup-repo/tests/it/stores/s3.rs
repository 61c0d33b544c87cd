//! Amazon's S3, as a mock has it.

use csbackup::{Catalogue, Medium, Requested, StoreTrouble};
use csbackup_repo::StoreOptions;
use testkit::stores::{Moto, Weed, program};
use testkit::world::World;

use super::{
    a_chain_is_stored_and_comes_back_whole, contents, credentials, errors, good, medium, options, repository,
    run, trouble,
};

/// Runs a script of the mock's own client, and gives what it printed.
fn script(moto: &Moto, text: &str) -> String {
    let python = program("python").unwrap();
    let head = format!(
        "import boto3, urllib.request\n\
         def client(what, key='anybody'):\n\
         \x20   return boto3.client(what, endpoint_url='http://127.0.0.1:{}', region_name='us-east-1',\n\
         \x20       aws_access_key_id=key, aws_secret_access_key='anything')\n\
         s3 = client('s3')\nbucket = '{}'\nport = {}\n",
        moto.port,
        Weed::BUCKET,
        moto.port
    );
    let mut command = std::process::Command::new(python);
    let output = command.args(["-c", &format!("{head}{text}")]).env_remove("AWS_CA_BUNDLE").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_chain_in_a_bucket_comes_back_whole() {
    let Some(moto) = Moto::start() else { return };
    a_chain_is_stored_and_comes_back_whole(&moto.location("deep/er prefix"), options());
}

#[test]
fn repositories_are_found_by_their_folders() {
    let Some(moto) = Moto::start() else { return };
    let world = World::new(&testkit::ca::plain_life());
    let medium = repository(&world, &moto.location("near"), options());
    let set = good(&world, &medium, Requested::Full);
    script(&moto, "s3.put_object(Bucket=bucket, Key='near/no repository/file', Body=b'x')");
    let fresh = super::medium(&moto.location("near"), options());
    let catalogue = Catalogue::load(&fresh, None).unwrap();
    assert_eq!(catalogue.sets().iter().map(|set| &set.id).collect::<Vec<_>>(), [&set.id]);
}

#[test]
fn the_layout_is_restics() {
    let Some(moto) = Moto::start() else { return };
    let world = World::new(&testkit::ca::plain_life());
    good(&world, &repository(&world, &moto.location("p"), options()), Requested::Full);
    let keys =
        script(&moto, "print('\\n'.join(o['Key'] for o in s3.list_objects_v2(Bucket=bucket)['Contents']))");
    for key in keys.lines() {
        let key = key.strip_prefix("p/Corp Issuing CA/").unwrap();
        let parts: Vec<&str> = key.split('/').collect();
        let fits = match parts[..] {
            ["config"] => true,
            ["keys" | "index" | "snapshots" | "locks", id] => id.len() == 64,
            ["data", byte, id] => id.len() == 64 && id.starts_with(byte) && byte.len() == 2,
            _ => false,
        };
        assert!(fits, "{key}");
    }
}

#[test]
fn a_bucket_that_is_not_there_is_named() {
    let Some(moto) = Moto::start() else { return };
    let location = format!("s3:http://127.0.0.1:{}/no-such-bucket/p", moto.port);
    let (kind, reason) = trouble(medium(&location, options()).init("Corp Issuing CA", 1));
    assert_eq!((kind, reason.contains("no such bucket")), (StoreTrouble::Missing, true), "{reason}");
    assert_eq!(trouble(medium(&location, options()).sets(None)).0, StoreTrouble::Missing);
}

#[test]
fn without_credentials_it_says_which_variables_to_set() {
    let none = StoreOptions { credentials: credentials(&[]), ..options() };
    let (kind, reason) = trouble(medium("s3:http://127.0.0.1:1/bucket", none).init("Corp Issuing CA", 1));
    assert_eq!((kind, reason.contains("AWS_ACCESS_KEY_ID")), (StoreTrouble::Refused, true), "{reason}");
}

#[test]
fn credentials_that_cannot_delete_back_up_and_cannot_forget() {
    let Some(moto) = Moto::start() else { return };
    let keys = script(
        &moto,
        "import json\n\
         iam = client('iam')\n\
         iam.create_user(UserName='ca')\n\
         allow = {'Effect': 'Allow', 'Action': ['s3:GetObject', 's3:PutObject', 's3:ListBucket'], 'Resource': '*'}\n\
         locks = {'Effect': 'Allow', 'Action': 's3:DeleteObject', 'Resource': f'arn:aws:s3:::{bucket}/*/locks/*'}\n\
         iam.put_user_policy(UserName='ca', PolicyName='p',\n\
         \x20   PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [allow, locks]}))\n\
         key = iam.create_access_key(UserName='ca')['AccessKey']\n\
         print(key['AccessKeyId'], key['SecretAccessKey'])\n\
         text = {'Content-Type': 'text/plain'}\n\
         reset = urllib.request.Request(f'http://127.0.0.1:{port}/moto-api/reset-auth', b'0', text)\n\
         urllib.request.urlopen(reset)\n",
    );
    let (key, secret) = keys.trim().split_once(' ').unwrap();
    let as_ca = |secret| {
        let who = [("AWS_ACCESS_KEY_ID", key), ("AWS_SECRET_ACCESS_KEY", secret)];
        StoreOptions { credentials: credentials(&who), ..options() }
    };
    let world = World::new(&testkit::ca::plain_life());
    let wrong = trouble(medium(&moto.location("p"), as_ca("wrong")).init("Corp Issuing CA", 1));
    assert_eq!(wrong.0, StoreTrouble::Refused, "{}", wrong.1);
    let medium = repository(&world, &moto.location("p"), as_ca(secret));
    let set = good(&world, &medium, Requested::Full);
    let (kind, reason) = trouble(medium.forget(&[&set]));
    assert_eq!(kind, StoreTrouble::ReadOnly, "{reason}");
    assert_eq!(errors(&medium, &set), Vec::<String>::new());
}

#[test]
fn object_lock_keeps_what_was_forgotten() {
    let Some(moto) = Moto::start() else { return };
    script(
        &moto,
        "s3.create_bucket(Bucket='locked', ObjectLockEnabledForBucket=True)\n\
         s3.put_object_lock_configuration(Bucket='locked', ObjectLockConfiguration={'ObjectLockEnabled': 'Enabled',\n\
         \x20   'Rule': {'DefaultRetention': {'Mode': 'COMPLIANCE', 'Days': 1}}})\n",
    );
    let world = World::new(&testkit::ca::plain_life());
    let location = format!("s3:http://127.0.0.1:{}/locked", moto.port);
    let medium = repository(&world, &location, options());
    let set = good(&world, &medium, Requested::Full);
    let before = contents(&medium, &set);
    medium.forget(&[&set]).unwrap();
    assert!(Catalogue::load(&medium, None).unwrap().sets().is_empty());
    // Whoever forgot it cannot remove the versions; taking the marks away brings the set back.
    let refused = script(
        &moto,
        "listed = s3.list_object_versions(Bucket='locked')\n\
         refused = 0\n\
         for version in listed['Versions']:\n\
         \x20   try: s3.delete_object(Bucket='locked', Key=version['Key'], VersionId=version['VersionId'])\n\
         \x20   except Exception: refused += 1\n\
         for mark in (mark for mark in listed['DeleteMarkers'] if '/snapshots/' in mark['Key']):\n\
         \x20   s3.delete_object(Bucket='locked', Key=mark['Key'], VersionId=mark['VersionId'])\n\
         print(refused == len(listed['Versions']))\n",
    );
    assert_eq!(refused.trim(), "True");
    let fresh = super::medium(&location, options());
    let back = Catalogue::load(&fresh, None).unwrap().sets().first().cloned().unwrap();
    assert_eq!((back.id.clone(), contents(&fresh, &back)), (set.id, before));
    run(&world, &fresh, Requested::Full).unwrap();
}
