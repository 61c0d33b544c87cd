//! `ping`: is the CA reachable, who am I to it, and what stands in the way of a backup?

use certadm::server::{Gate, InterfaceFlags, Roles};
use certadm::{Call, CertServer as _, Error, ServerState};
use certadm_native::{Privilege, Privileges as _, SystemPrivileges};
use certsrv::CaDirectory;
use dtyp::HResult;
use serde_json::{Value, json};

use crate::args::Ping;
use crate::exit::Exit;
use crate::library::LibraryCa;
use crate::printer::Printer;
use crate::road::{Road, Wire};

pub(crate) fn ping(args: &Ping, printer: Printer) -> anyhow::Result<Exit> {
    let mut road = Road::open(&args.place, printer)?;
    let ca = road.authority().to_string();
    let answers = match &mut road {
        Road::Directory(ca) => Answers::of_directory(ca)?,
        Road::Wire(wire) => Answers::of_wire(wire)?,
        Road::Library(library) => return through_library(library, printer),
    };
    let state = answers.service.state();
    let obstacles = answers.obstacles();
    let ready = obstacles.is_empty();
    let roles = answers.roles.as_ref().ok().map(|roles| names(&ROLES, roles.0));
    let flags = answers.flags.as_ref().ok().copied();
    let value = json!({
        "ca": ca, "state": state.map(|state| state.to_string()), "interface": answers.interface,
        "version": answers.version, "account": answers.account, "auth": answers.auth, "roles": roles,
        "interface_flags": flags, "interface_flag_names": flags.map(|flags| names(&FLAGS, flags)),
        "obstacles": obstacles.iter().map(Obstacle::value).collect::<Vec<_>>(), "ready": ready,
    });
    printer.result("ping", value, &answers.text(&ca, &obstacles));
    Ok(match state {
        Some(ServerState::Stopped | ServerState::Suspended) => Exit::Unreachable,
        _ if ready => Exit::Done,
        _ => Exit::Refused,
    })
}

/// Certadm tells the state and nothing else; the privilege is this process's.
fn through_library(library: &mut LibraryCa, printer: Printer) -> anyhow::Result<Exit> {
    let ca = library.ca.authority().to_string();
    let path = library.ca.library().path().display().to_string();
    let service = Service::of(library.ca.state())?;
    let mut obstacles: Vec<Obstacle> = match service {
        Service::State(state) => Obstacle::of_state(state).into_iter().collect(),
        Service::NotToRead | Service::Denied => {
            let what = "the CA takes no administration calls from this account: allow Read in the properties of the CA, on the page Security";
            vec![Obstacle::new(what, &["certsrv.msc"])]
        }
    };
    match SystemPrivileges.enable(Privilege::Backup) {
        Ok(true) => SystemPrivileges.disable(Privilege::Backup),
        Ok(false) => {}
        Err(_) => {
            let (name, hints) = (Privilege::Backup.name(), Privilege::Backup.hints().join("; "));
            obstacles.push(Obstacle::new(&format!("this account does not hold {name} here: {hints}"), &[]));
        }
    }
    let ready = obstacles.is_empty();
    let state = service.state();
    let value = json!({
        "ca": ca, "state": state.map(|state| state.to_string()), "library": path,
        "obstacles": obstacles.iter().map(Obstacle::value).collect::<Vec<_>>(), "ready": ready,
    });
    let shown = state.map_or_else(|| "running".to_owned(), |state| state.to_string());
    let mut lines =
        vec![format!("CA         {ca}"), format!("service    {shown}"), format!("library    {path}")];
    lines.extend(verdict(&obstacles));
    printer.result("ping", value, &lines.join("\n"));
    Ok(match state {
        Some(ServerState::Stopped | ServerState::Suspended) => Exit::Unreachable,
        _ if ready => Exit::Done,
        _ => Exit::Refused,
    })
}

/// What stands in the way, and what follows.
fn verdict(obstacles: &[Obstacle]) -> Vec<String> {
    let mut lines = Vec::new();
    for obstacle in obstacles {
        lines.push(format!("in the way: {}", obstacle.what));
        lines.extend(obstacle.commands.iter().map(|command| format!("  on the CA: {command}")));
    }
    let can = if obstacles.is_empty() { "can" } else { "cannot" };
    lines.push(format!("a backup {can} be taken"));
    lines
}

/// What came of asking for the state.
enum Service {
    State(ServerState),
    /// It runs; the caller has no right to read.
    NotToRead,
    /// Not even this question is answered, which needs no role.
    Denied,
}

impl Service {
    fn of(answer: Result<ServerState, Error>) -> Result<Self, Error> {
        match answer {
            Ok(state) => Ok(Self::State(state)),
            Err(Error::NoReadRight { .. }) => Ok(Self::NotToRead),
            Err(Error::Refused { code: HResult::ACCESS_DENIED, .. }) => Ok(Self::Denied),
            Err(error) => Err(error),
        }
    }

    fn state(&self) -> Option<ServerState> {
        match self {
            Self::State(state) => Some(*state),
            Self::NotToRead | Self::Denied => None,
        }
    }
}

/// What a CA told of itself and of the caller.
struct Answers {
    service: Service,
    interface: Option<&'static str>,
    version: Option<String>,
    account: String,
    auth: Option<String>,
    roles: Result<Roles, Error>,
    flags: Result<u32, Error>,
    remote: bool,
}

impl Answers {
    fn of_wire(wire: &mut Wire) -> Result<Self, Error> {
        let survey = wire.ca.survey();
        // `ICertAdminD` ends before the method with number 31.
        let name = |is_second| if is_second { "ICertAdminD2" } else { "ICertAdminD" };
        Ok(Self {
            service: Service::of(survey.state)?,
            interface: survey.interface.map(|interface| name(interface.has(31))),
            version: survey.version,
            account: wire.caller.name.clone(),
            auth: Some(wire.caller.method.to_string()),
            roles: survey.roles,
            flags: survey.flags,
            remote: true,
        })
    }

    /// As the gate of the CA would answer.
    fn of_directory(ca: &CaDirectory) -> Result<Self, Error> {
        let config = ca.config();
        let caller = config.default_caller();
        let flags = config.interface_flags;
        let gate = Gate {
            flags: InterfaceFlags(flags),
            seal_required: config.seal_required,
            role_separation: config.role_separation,
        };
        let admit = |call| gate.admit(&caller, call).map_err(|code| Error::Refused { call, code });
        Ok(Self {
            service: Service::of(ca.connect().state())?,
            interface: None,
            version: None,
            account: "this process".to_owned(),
            auth: None,
            roles: admit(Call::GetMyRoles).map(|()| caller.roles),
            flags: Ok(flags),
            remote: false,
        })
    }

    fn obstacles(&self) -> Vec<Obstacle> {
        let flags = self.flags.as_ref().map_or(0, |flags| *flags);
        let no_admin = flags & self.flag(NO_ADMIN) != 0;
        let no_roles = self.roles.as_ref().is_err_and(|error| error.code() == Some(HResult::ACCESS_DENIED));
        let mut obstacles = Vec::new();
        match self.service {
            Service::State(state @ (ServerState::Stopped | ServerState::Suspended)) => {
                return Obstacle::of_state(state).into_iter().collect();
            }
            Service::Denied => obstacles.push(self.switched_off(NO_ADMIN)),
            Service::State(ServerState::Online) if no_admin => obstacles.push(self.switched_off(NO_ADMIN)),
            Service::State(ServerState::Online) if no_roles => obstacles.push(self.no_read()),
            Service::State(ServerState::Online) => {}
            Service::NotToRead => obstacles.push(self.no_read()),
        }
        match &self.roles {
            Ok(roles) if !roles.has(Roles::OPERATOR) => obstacles.push(self.no_operator()),
            Err(Error::Refused { code: HResult::ROLE_CONFLICT, .. }) => {
                let what = "role separation is on and the account holds two CA roles: use one that is backup operator only";
                obstacles.push(Obstacle::new(what, &[]));
            }
            // Read is missing: said above.
            Err(error) if !no_roles => obstacles.push(untold("which roles the account has", error)),
            _ => {}
        }
        if let Err(error) = self.flags.as_ref()
            && obstacles.is_empty()
        {
            obstacles.push(untold("its interface flags", error));
        }
        if flags & self.flag(NO_BACKUP) != 0 {
            obstacles.push(self.switched_off(NO_BACKUP));
        }
        obstacles
    }

    fn flag(&self, (remote, local): (u32, u32)) -> u32 {
        if self.remote { remote } else { local }
    }

    fn switched_off(&self, pair: (u32, u32)) -> Obstacle {
        let flag = names(&FLAGS, self.flag(pair)).concat();
        let whom = if self.remote { "over the network" } else { "on its own host" };
        let what = match (pair, self.flags.is_ok()) {
            (NO_BACKUP, _) if self.remote => format!(
                "the CA takes no backup calls {whom} ({flag}; set on a new CA for a reason: whoever may back up gets its whole database, so allow it only where the accounts with the backup privilege are few and watched)"
            ),
            (NO_BACKUP, _) => format!("the CA takes no backup calls {whom} ({flag})"),
            (_, true) => format!("the CA takes no administration calls {whom} ({flag})"),
            (_, false) => format!(
                "the CA takes no administration calls {whom}: likely {flag}, which cannot be read then"
            ),
        };
        let command = format!(r"certutil -setreg CA\InterfaceFlags -{flag}");
        Obstacle::new(&what, &[&command, "net stop certsvc && net start certsvc"])
    }

    fn no_read(&self) -> Obstacle {
        let what = format!(
            "{} may not read on the CA: allow Read in the properties of the CA, on the page Security",
            self.account
        );
        Obstacle::new(&what, &["certsrv.msc"])
    }

    fn no_operator(&self) -> Obstacle {
        let what = format!("{} has no backup privilege (SeBackupPrivilege) on the CA's host", self.account);
        let command = format!("net localgroup \"Backup Operators\" \"{}\" /add", self.account);
        Obstacle::new(&what, &[&command])
    }

    fn text(&self, ca: &str, obstacles: &[Obstacle]) -> String {
        let unknown = |error: &Error| format!("unknown: {error}");
        let roles = match &self.roles {
            Ok(roles) => names(&ROLES, roles.0).join(", "),
            Err(error) => unknown(error),
        };
        let flags = match &self.flags {
            Ok(flags) => format!("0x{flags:x} {}", names(&FLAGS, *flags).join(" ")),
            Err(error) => unknown(error),
        };
        let state = self.service.state().map_or_else(|| "running".to_owned(), |state| state.to_string());
        let auth = self.auth.iter().fold(self.account.clone(), |who, auth| format!("{who} ({auth})"));
        let mut lines = vec![format!("CA         {ca}"), format!("service    {state}")];
        if let Some(interface) = self.interface {
            let version = self
                .version
                .iter()
                .fold(String::new(), |_, version| format!(", CA version {}", csbackup::shown_name(version)));
            lines.push(format!("interface  {interface}{version}"));
        }
        lines.push(format!("account    {auth}"));
        if state != "stopped" {
            lines.extend([format!("roles      {roles}"), format!("flags      {flags}")]);
        }
        lines.extend(verdict(obstacles));
        lines.join("\n")
    }
}

/// What stands in the way, and the commands that change it.
struct Obstacle {
    what: String,
    commands: Vec<String>,
}

impl Obstacle {
    fn new(what: &str, commands: &[&str]) -> Self {
        Self { what: what.to_owned(), commands: commands.iter().map(|&command| command.to_owned()).collect() }
    }

    fn of_state(state: ServerState) -> Option<Self> {
        match state {
            ServerState::Stopped => {
                Some(Self::new("the certificate service does not run", &["net start certsvc"]))
            }
            ServerState::Suspended => {
                let what = "the certificate service is suspended: paused, or a restore is pending";
                Some(Self::new(what, &["net continue certsvc"]))
            }
            ServerState::Online => None,
        }
    }

    fn value(&self) -> Value {
        json!({ "what": self.what, "commands": self.commands })
    }
}

/// What decides whether a backup is possible, and is not told.
fn untold(what: &str, error: &Error) -> Obstacle {
    Obstacle::new(
        &format!("the CA does not tell {what}, so that it is open whether a backup is possible: {error}"),
        &[],
    )
}

/// Names of the bits that are set.
fn names(table: &[(u32, &'static str)], bits: u32) -> Vec<&'static str> {
    table.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, name)| *name).collect()
}

/// Remote and local flag.
const NO_ADMIN: (u32, u32) = (InterfaceFlags::NO_REMOTE_ADMIN, InterfaceFlags::NO_LOCAL_ADMIN);
const NO_BACKUP: (u32, u32) = (InterfaceFlags::NO_REMOTE_BACKUP, InterfaceFlags::NO_LOCAL_BACKUP);

const ROLES: [(u32, &str); 6] = [
    (Roles::ADMINISTRATOR.0, "administrator"),
    (Roles::OFFICER.0, "officer"),
    (Roles::AUDITOR.0, "auditor"),
    (Roles::OPERATOR.0, "operator"),
    (Roles::READ.0, "read"),
    (Roles::ENROLL.0, "enroll"),
];

/// Source: [MS-CSRA] 3.1.4.2.14; `certsrv.h`.
///
/// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
const FLAGS: [(u32, &str); 14] = [
    (0x1, "IF_LOCKICERTREQUEST"),
    (0x2, "IF_NOREMOTEICERTREQUEST"),
    (0x4, "IF_NOLOCALICERTREQUEST"),
    (0x8, "IF_NORPCICERTREQUEST"),
    (InterfaceFlags::NO_REMOTE_ADMIN, "IF_NOREMOTEICERTADMIN"),
    (InterfaceFlags::NO_LOCAL_ADMIN, "IF_NOLOCALICERTADMIN"),
    (InterfaceFlags::NO_REMOTE_BACKUP, "IF_NOREMOTEICERTADMINBACKUP"),
    (InterfaceFlags::NO_LOCAL_BACKUP, "IF_NOLOCALICERTADMINBACKUP"),
    (0x100, "IF_NOSNAPSHOTBACKUP"),
    (0x200, "IF_ENFORCEENCRYPTICERTREQUEST"),
    (InterfaceFlags::ENFORCE_ENCRYPT_ADMIN, "IF_ENFORCEENCRYPTICERTADMIN"),
    (0x800, "IF_ENABLEEXITKEYRETRIEVAL"),
    (0x1000, "IF_ENABLEADMINASAUDITOR"),
    (0x2000, "IF_ENABLEPRESIGNSUPPORT"),
];
