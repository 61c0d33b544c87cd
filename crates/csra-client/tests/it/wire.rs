//! A world whose CA is on the network.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use certsrv::{Config, HexHash, Role, Server, ServerOptions, User};
use csbackup::{BackupOptions, Error, Outcome, Requested};
use csra_client::{Options, RemoteCa, Target};
use rpc_auth::{Credentials, Method, Proof, Secret};
use testkit::ca::Moment;
use testkit::world::World;

pub(crate) const USER: &str = "backup";
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// A CA directory, a medium and a server on loopback.
pub(crate) struct Wire {
    pub(crate) world: World,
    pub(crate) server: Server,
}

impl Deref for Wire {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl DerefMut for Wire {
    fn deref_mut(&mut self) -> &mut World {
        &mut self.world
    }
}

impl Wire {
    pub(crate) fn new(moments: &[Moment]) -> Self {
        Self::of(World::new(moments), ServerOptions::default(), |_| {})
    }

    /// Serves the CA of a world, after `change` of its configuration.
    pub(crate) fn of(mut world: World, options: ServerOptions, change: impl FnOnce(&mut Config)) -> Self {
        prepare(&mut world, change);
        Self::serve(world, options)
    }

    /// Serves the CA of a world as it is.
    pub(crate) fn serve(world: World, options: ServerOptions) -> Self {
        let server = Server::start(&world.ca, options).expect("start a server");
        Self { world, server }
    }

    /// Stops the server and starts it again at the same ports, after `change` of the configuration.
    pub(crate) fn restart(self, options: ServerOptions, change: impl FnOnce(&mut Config)) -> Self {
        let Self { mut world, server } = self;
        let addresses = server.local_addrs();
        server.stop();
        let mut config = world.ca.config().clone();
        config.network.resolver_port = addresses.resolver.port();
        config.network.exporter_port = addresses.exporter.port();
        change(&mut config);
        world.ca.reconfigure(config).expect("change the configuration");
        Self::serve(world, options)
    }

    /// Lets so much time pass that every client counts as lost that gives no sign of life.
    pub(crate) fn lose_clients(&self, hand: &Hand) {
        // A last sign may be on its way.
        loop {
            hand.advance(3 * PERIOD + Duration::from_secs(1));
            self.server.reclaim();
            if self.server.objects() == 0 {
                break;
            }
            std::thread::yield_now();
        }
    }

    pub(crate) fn target(&self) -> Target {
        let address = self.server.local_addrs().resolver;
        let name = Some(self.world.ca.authority().name.clone());
        Target { host: address.ip().to_string(), port: address.port(), name }
    }

    pub(crate) fn connect(&self) -> RemoteCa {
        RemoteCa::connect(self.target(), options(USER, PASSWORD, Method::Negotiate))
            .expect("connect to the CA")
    }

    pub(crate) fn back_up(&self, kind: Requested) -> Result<Outcome, Error> {
        let options = BackupOptions { kind, ..BackupOptions::default() };
        self.world.run_on(&mut self.connect(), &self.world.medium, &options)
    }
}

/// Time between two pings, as servers expect it.
pub(crate) const PERIOD: Duration = Duration::from_secs(120);

/// A clock that only goes when it is told to.
#[derive(Clone, Default)]
pub(crate) struct Hand(Arc<AtomicU64>);

impl Hand {
    pub(crate) fn advance(&self, time: Duration) {
        self.0.fetch_add(time.as_secs(), Ordering::SeqCst);
    }

    /// Options of a server that goes by this clock.
    pub(crate) fn options(&self) -> ServerOptions {
        let hand = self.clone();
        let mut options = ServerOptions::default();
        options.clock = Arc::new(move || Duration::from_secs(hand.0.load(Ordering::SeqCst)));
        options
    }
}

/// Lets the operator in, from afar.
pub(crate) fn prepare(world: &mut World, change: impl FnOnce(&mut Config)) {
    let mut config = world.ca.config().clone();
    config.interface_flags &= !0x40;
    config.users = vec![User {
        name: USER.to_owned(),
        domain: None,
        nt_hash: Some(HexHash::of_password(PASSWORD)),
        roles: vec![Role::Operator, Role::Read],
    }];
    change(&mut config);
    world.ca.reconfigure(config).expect("change the configuration");
}

pub(crate) fn options(user: &str, password: &str, method: Method) -> Options {
    let proof = Proof::Password(Secret::new(password.to_owned()));
    let account = user.parse().expect("an account");
    let credentials =
        Credentials::new(account, proof, rpc_auth::Options::default()).expect("make credentials");
    Options::new(credentials, method)
}
