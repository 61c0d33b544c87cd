//! A world whose CA is on the network.

use std::net::{Ipv4Addr, TcpListener};

use certsrv::{Config, HexHash, Role, Server, ServerOptions, User};

use crate::world::{Run, World};

pub(crate) const USER: &str = r"LAB\backup";
pub(crate) const PASSWORD: &str = "c0rrect-h0rse-battery";

pub(crate) struct Net {
    pub(crate) world: World,
    pub(crate) server: Server,
}

impl Net {
    /// A CA that lets its operator back it up over the network.
    pub(crate) fn new() -> Self {
        Self::of(|_| {})
    }

    /// The same after a change of its configuration.
    pub(crate) fn of(change: impl FnOnce(&mut Config)) -> Self {
        let world = World::new();
        world.configure(|config| {
            config.interface_flags &= !0x40;
            config.users = vec![operator()];
            change(config);
        });
        let server = Server::start(&world.ca(), ServerOptions::default()).expect("serve the CA");
        Self { world, server }
    }

    /// `HOST:PORT` of the resolver.
    pub(crate) fn host(&self) -> String {
        self.server.local_addrs().resolver.to_string()
    }

    pub(crate) fn target(&self) -> String {
        format!(r"{}\ExampleCA", self.host())
    }

    /// The program with the log-on of the operator.
    pub(crate) fn run(&self, args: &[&str]) -> Run {
        let variables = [("CSBACKUP_USER", USER), ("CSBACKUP_PASSWORD", PASSWORD)];
        self.world.run_with(&variables, args)
    }

    pub(crate) fn ping(&self, args: &[&str]) -> Run {
        self.run(&[&["ping", "--ca", &self.target()], args].concat())
    }

    /// A backup to `sets`, all places of the CA mapped.
    pub(crate) fn backup(&self, args: &[&str]) -> Run {
        let target = self.target();
        let maps: Vec<String> = self
            .world
            .ca()
            .mappings()
            .into_iter()
            .map(|(share, path)| format!("--map={share}={}", path.display()))
            .collect();
        let maps: Vec<&str> = maps.iter().map(String::as_str).collect();
        self.run(&[&["backup", "--ca", &target, "--dir", "sets", "--no-smb"], &maps[..], args].concat())
    }
}

pub(crate) fn operator() -> User {
    User {
        name: "backup".to_owned(),
        domain: Some("LAB".to_owned()),
        nt_hash: Some(HexHash::of_password(PASSWORD)),
        roles: vec![Role::Operator, Role::Read],
    }
}

/// A port on which nobody listens.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("take a port");
    listener.local_addr().expect("its number").port()
}
