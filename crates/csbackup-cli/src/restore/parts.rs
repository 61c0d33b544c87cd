//! What a set has beside files to lay down: registry values, keys, templates.

use std::io::{IsTerminal as _, stderr, stdin};

use anyhow::{Context as _, ensure};
use clap::error::ErrorKind;
use csbackup::{KeyPassword, Medium, Part, RestorePlan, registry_changes};
use serde_json::json;
use zeroize::Zeroizing;

use super::place::LocalCa;
use crate::args::Restore;
use crate::exit::usage;
use crate::printer::Printer;
use crate::{env, key, password};

/// Shows how the registry differs, and puts into the plan what is to be imported.
pub(super) fn registry(
    args: &Restore,
    medium: &dyn Medium,
    ca: &LocalCa,
    plan: &mut RestorePlan,
    printer: Printer,
) -> anyhow::Result<()> {
    let wanted = args.only.contains(&crate::args::Part::Registry);
    let captured = csbackup::captured_registry(medium, &plan.sets)?;
    let Some(captured) = captured.filter(|_| ca.host.is_some()) else {
        ensure!(!wanted, "there are no registry values to import, or no machine to import them to");
        return Ok(());
    };
    let old = plan.sets.last().map(|set| set.manifest.ca.host.clone()).unwrap_or_default();
    let changes = registry_changes(&captured, &ca.registry, &old, &ca.server.authority().host);
    for change in &changes {
        let here = change.here.as_deref().unwrap_or("(none)");
        let edited = change.edited.map(|why| format!(" ({why})")).unwrap_or_default();
        let key = if change.node.is_empty() { String::new() } else { format!(r"{}\", change.node) };
        let text = format!("registry     {key}{}: {here} -> {}{edited}", change.name, change.captured);
        let mut value = serde_json::to_value(change).unwrap_or_default();
        if let Some(object) = value.as_object_mut() {
            object.insert("imported".to_owned(), (wanted && change.import.is_some()).into());
        }
        printer.result("registry_change", value, &text);
    }
    if wanted {
        let entry = |change: csbackup::RegistryChange| {
            let csbackup::RegistryChange { node, name, import, .. } = change;
            import.map(|value| certadm::ConfigEntry { node, name, value })
        };
        plan.registry = changes.into_iter().filter_map(entry).collect();
    } else if !changes.is_empty() {
        printer.note("registry values are only shown; `--only registry` imports them");
    }
    Ok(())
}

/// Imports the keys, where they were asked for. Keys are only added: nothing is to be taken back.
pub(super) fn keys(
    args: &Restore,
    medium: &dyn Medium,
    ca: &mut LocalCa,
    plan: &RestorePlan,
    printer: Printer,
) -> anyhow::Result<()> {
    if !args.only.contains(&crate::args::Part::Key) {
        return Ok(());
    }
    let name = ca.server.authority().clone();
    let is_key = |path: &str| path.to_ascii_lowercase().ends_with(".p12");
    let pkcs12 =
        csbackup::captured_file(medium, &plan.sets, is_key)?.context("no set of the chain has keys")?;
    let pkcs12 = Zeroizing::new(pkcs12);
    let host = ca.host.as_mut().context("keys are imported on the CA's own machine only")?;
    let password = key_password(args, &name, printer)?;
    host.import_keys(&pkcs12, password.expose())?;
    printer.result("keys", json!({ "ca": name.to_string() }), &format!("imported the keys of {name}"));
    Ok(())
}

fn key_password(args: &Restore, ca: &certadm::Authority, printer: Printer) -> anyhow::Result<KeyPassword> {
    let text = if let Some(file) = &args.key_password_file {
        Zeroizing::new(password::of_file(file, printer)?.expose().to_owned())
    } else if args.key_password_keyring {
        Zeroizing::new(password::of_keyring(key::SERVICE, &ca.name)?.expose().to_owned())
    } else if let Some(text) = env::value(env::KEY_PASSWORD)? {
        Zeroizing::new(text)
    } else if stdin().is_terminal() && stderr().is_terminal() {
        let text = rpassword::prompt_password(format!("password of the keys of {ca}: "));
        Zeroizing::new(text.context("cannot ask for the password")?)
    } else {
        let text = format!(
            "no password for the keys: give `--key-password-file` or `--key-password-keyring`, or set {}",
            env::KEY_PASSWORD
        );
        return Err(usage(ErrorKind::MissingRequiredArgument, &text));
    };
    KeyPassword::new(text).context("the password of the keys is empty")
}

/// The command that gives an enterprise CA its templates again: they are kept in Active Directory.
pub(super) fn templates(medium: &dyn Medium, plan: &RestorePlan, printer: Printer) -> anyhow::Result<()> {
    let path = "Config/templates.txt";
    let Some(bytes) = csbackup::captured_file(medium, &plan.sets, |other| other == path)? else {
        return Ok(());
    };
    let text = String::from_utf8_lossy(&bytes);
    // Name and object identifier by turns. What a shell could read is no name of a template.
    let is_name =
        |name: &&str| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "-_. ".contains(c));
    let names: Vec<&str> = text.lines().step_by(2).map(str::trim).filter(is_name).collect();
    if !names.is_empty() {
        let command = format!("certutil -setcatemplates \"+{}\"", names.join(","));
        printer.result(
            "templates",
            json!({ "templates": names, "command": command }),
            &format!("templates    {command}"),
        );
    }
    Ok(())
}

/// Parts of the plan.
pub(super) fn only(args: &Restore) -> Vec<Part> {
    args.only.iter().map(|part| (*part).into()).collect()
}
