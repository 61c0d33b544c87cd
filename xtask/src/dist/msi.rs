//! The installer for Windows, made with Debian's msitools: for all users, into `Program Files`, found by PATH.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use super::{Release, windows, write};
use crate::tools;

const DEFINITION: &str = "xtask/src/dist/csbackup.wxs";

/// What the definition names by itself.
const PROGRAM: &str = "csbackup.exe";

/// wixl knows no variables of the environment. The value is what WiX writes to append to PATH, and to take it away.
const PATH: [&str; 4] = [
    "CREATE TABLE `Environment` (`Environment` CHAR(72) NOT NULL, `Name` CHAR(255) NOT NULL LOCALIZABLE, \
     `Value` CHAR(255) LOCALIZABLE, `Component_` CHAR(72) NOT NULL PRIMARY KEY `Environment`)",
    "INSERT INTO `Environment` (`Environment`, `Name`, `Value`, `Component_`) \
     VALUES ('Path', '=-*PATH', '[~];[INSTALLDIR]', 'Program')",
    "INSERT INTO `InstallExecuteSequence` (`Action`, `Sequence`) VALUES ('RemoveEnvironmentStrings', 3300)",
    "INSERT INTO `InstallExecuteSequence` (`Action`, `Sequence`) VALUES ('WriteEnvironmentStrings', 5200)",
];

pub(super) fn build(release: &Release, tree: &Path) -> Result<PathBuf> {
    if !tools::on_path("wixl") || !tools::on_path("msibuild") {
        tools::apt_install(&["wixl", "msitools"])?;
    }
    let name = tree.file_name().context("the tree has a name")?.display().to_string();
    let file = release.file(&format!("{name}.msi"))?;
    let documents = release.work.join("documents.wxs");
    write(&documents, &group(tree)?)?;
    // Windows compares three numbers; what stands behind them is for people.
    let version = release.version.split(['-', '+']).next().unwrap_or_default();
    let mut wixl = Command::new("wixl");
    wixl.args(["--arch", "x64", "-D", &format!("Version={version}")])
        .args(["-D", &format!("ProductCode={}", product_code(release)?)])
        // It finds no file by an absolute path.
        .args(["-D", "Source=.", "--output"])
        .arg(&file)
        .current_dir(tree)
        .arg(tools::workspace().join(DEFINITION))
        .arg(&documents);
    tools::run(&mut wixl)?;
    let queries = PATH.iter().flat_map(|query| ["-q", query]);
    tools::run(Command::new("msibuild").arg(&file).args(queries))?;
    Ok(file)
}

/// Each version is a product; the same version built again is the same one.
pub(super) fn product_code(release: &Release) -> Result<String> {
    let mut hash = Command::new("sha256sum")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start sha256sum")?;
    if let Some(mut input) = hash.stdin.take() {
        write!(input, "csbackup {}", release.version).context("cannot hash the version")?;
    }
    let output = hash.wait_with_output().context("cannot hash the version")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let digits = |from: usize, to: usize| text.get(from..to).context("sha256sum printed no hash");
    // Version 8 and variant 8 of RFC 9562: a GUID of one's own making.
    let code = [digits(0, 8)?, digits(8, 12)?, digits(13, 16)?, digits(17, 20)?, digits(20, 32)?];
    let [a, b, c, d, e] = code;
    Ok(format!("{a}-{b}-8{c}-8{d}-{e}").to_uppercase())
}

/// All files of the tree but the program, as components of one group. Windows wants a short name before a long one.
fn group(tree: &Path) -> Result<String> {
    let files = windows::files(tree)?;
    let mut folders: BTreeMap<&str, Vec<(usize, &str)>> = BTreeMap::new();
    for (number, file) in files.iter().enumerate().filter(|(_, file)| *file != PROGRAM) {
        let (folder, name) = file.rsplit_once('/').unwrap_or(("", file));
        if folder.contains('/') {
            bail!("the installer knows one level of folders, and there is `{folder}`");
        }
        folders.entry(folder).or_default().push((number, name));
    }
    let (mut content, mut group) = (String::new(), String::new());
    for (place, (folder, names)) in folders.into_iter().enumerate() {
        let mut components = String::new();
        for (number, name) in names {
            let path = Path::new(folder).join(name);
            components.push_str(&format!(
                "<Component Id=\"c{number}\" Guid=\"*\" Win64=\"yes\"><File Id=\"f{number}\" Name=\"F{number}|{name}\" \
                 Source=\"$(var.Source)/{}\" KeyPath=\"yes\"/></Component>\n",
                path.display()
            ));
            group.push_str(&format!("<ComponentRef Id=\"c{number}\"/>\n"));
        }
        if folder.is_empty() {
            content.push_str(&components);
        } else {
            content.push_str(&format!(
                "<Directory Id=\"d{place}\" Name=\"D{place}|{folder}\">\n{components}</Directory>\n"
            ));
        }
    }
    Ok(format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
         <Wix xmlns=\"http://schemas.microsoft.com/wix/2006/wi\">\n\
         <Fragment><DirectoryRef Id=\"INSTALLDIR\">\n{content}</DirectoryRef></Fragment>\n\
         <Fragment><ComponentGroup Id=\"Documents\">\n{group}</ComponentGroup></Fragment>\n</Wix>\n"
    ))
}
