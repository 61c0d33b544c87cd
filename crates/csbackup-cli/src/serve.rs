//! `serve`: an embedded CA on the network.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::thread;
use std::time::Duration;

use certsrv::{CaDirectory, Server, ServerOptions};
use serde_json::json;

use crate::args::Serve;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::progress;
use crate::road::open_ca;

/// How often a signal is looked for.
const TICK: Duration = Duration::from_millis(50);

pub(crate) fn serve(args: &Serve, printer: Printer) -> anyhow::Result<Exit> {
    // Before the first word: whoever reads it may end the service at once.
    progress::catch_interrupts();
    let mut ca = open_ca(&args.ca_dir)?;
    let mut config = ca.config().clone();
    let network = &mut config.network;
    network.address = args.listen.unwrap_or(network.address);
    network.resolver_port = args.resolver_port.unwrap_or(network.resolver_port);
    network.exporter_port = args.exporter_port.unwrap_or(network.exporter_port);
    if config != *ca.config() {
        ca.reconfigure(config)?;
    }
    if ca.config().users.is_empty() && ca.config().kerberos.is_none() {
        let text =
            format!("nobody may log on: `csbackup ca user {} NAME` lets a user in", args.ca_dir.display());
        printer.warning(&text);
    }
    // Whoever serves a CA starts its service; a pending restore keeps it down.
    ca.start()?;
    let server = Server::start(&ca, ServerOptions::default())?;
    let target = announce(&ca, &server, printer);
    while !progress::interrupted() {
        thread::sleep(TICK);
    }
    server.stop();
    printer.result("stopped", json!({ "ca": target }), &format!("stopped {target}"));
    Ok(Exit::Done)
}

/// Says where a CA is served; the string for `--ca` that leads there.
pub(crate) fn announce(ca: &CaDirectory, server: &Server, printer: Printer) -> String {
    let addresses = server.local_addrs();
    let mut reachable = addresses.resolver;
    if reachable.ip().is_unspecified() {
        reachable.set_ip(if reachable.is_ipv4() {
            Ipv4Addr::LOCALHOST.into()
        } else {
            Ipv6Addr::LOCALHOST.into()
        });
    }
    let target = format!(r"{reachable}\{}", ca.authority().name);
    let value = json!({
        "ca": target, "resolver": addresses.resolver.to_string(), "exporter": addresses.exporter.to_string(),
        "protocol": "MS-CSRA over DCOM", "sealed": true,
    });
    let text = format!(
        "serving MS-CSRA over DCOM, sealed, on {} and {}: --ca '{target}'",
        addresses.resolver, addresses.exporter
    );
    printer.result("serving", value, &text);
    target
}
