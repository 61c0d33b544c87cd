#!/usr/bin/python3
"""A throw-away MIT Kerberos realm on a loopback port: an independent KDC, keytabs and a ready ticket cache.

    mitkdc.py start [--realm LAB.TEST] [--host ca.lab.test] [--user backup]

Needs Debian's krb5-kdc, krb5-admin-server (kadmin.local) and krb5-user (kinit, kvno); not root.
Prints one line of JSON when it is ready; ends when its standard input closes.
"""

import argparse
import os
import secrets
import shutil
import socket
import time

from throwaway import Failed, Throwaway, main


def arguments():
    parser = argparse.ArgumentParser(description="a throw-away MIT Kerberos realm")
    parser.add_argument("command", choices=["start"])
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: the system chooses; some clients know only 88")
    parser.add_argument("--realm", default="LAB.TEST")
    parser.add_argument("--user", default="backup")
    parser.add_argument("--host", default="ca.lab.test", help="name in the service principals")
    parser.add_argument("--enctypes", default="aes256-cts-hmac-sha1-96:normal aes128-cts-hmac-sha1-96:normal")
    return parser.parse_args()


def start():
    args = arguments()
    tools = find_tools()
    with Throwaway("csbackup-mitkdc-") as place:
        begin = time.monotonic()
        port = args.port or free_port(args.address)
        env = configure(place, args, port)
        place.run(tools["kdb5_util"], "create", "-s", "-r", args.realm, "-P", secrets.token_hex(16), env=env)
        accounts = add_principals(place, args, tools, env)
        child = place.start(tools["krb5kdc"], "-n", env=env)
        place.wait_for_ports(args.address, [port], child)
        ccache = place.path("user.ccache")
        client = {**env, "KRB5CCNAME": ccache}
        place.run(tools["kinit"], f"{args.user}@{args.realm}", stdin=accounts["user"]["password"] + "\n", env=client)
        place.run(tools["kvno"], *accounts["service"]["spns"], env=client)
        place.serve({
            "address": args.address,
            "ports": {"kdc": port},
            "realm": args.realm,
            **accounts,
            "ccache": ccache,
            "krb5_conf": env["KRB5_CONFIG"],
            "dir": place.dir,
            "pids": [child.pid],
            "seconds": {"start": round(time.monotonic() - begin, 2)},
        })


def find_tools():
    # Debian keeps the servers where an ordinary user's PATH does not reach.
    path = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"
    tools = {name: shutil.which(name, path=path) for name in ("kdb5_util", "kadmin.local", "krb5kdc", "kinit", "kvno")}
    missing = [name for name, found in tools.items() if not found]
    if missing:
        raise Failed(f"not installed: {', '.join(missing)}; on Debian: krb5-kdc krb5-admin-server krb5-user")
    return tools


def free_port(address):
    # The KDC wants the same number for UDP and TCP, and has no way to be told "any".
    for _ in range(50):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp:
            tcp.bind((address, 0))
            port = tcp.getsockname()[1]
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
                try:
                    udp.bind((address, port))
                    return port
                except OSError:
                    continue
    raise Failed("no port is free for UDP and TCP")


def configure(place, args, port):
    krb5_conf = place.write("krb5.conf", f"""[libdefaults]
    default_realm = {args.realm}
    dns_lookup_kdc = false
    dns_lookup_realm = false
    dns_canonicalize_hostname = false
    rdns = false
    udp_preference_limit = 1
[realms]
    {args.realm} = {{
        kdc = {args.address}:{port}
    }}
[domain_realm]
    {args.host} = {args.realm}
""", 0o644)
    kdc_conf = place.write("kdc.conf", f"""[realms]
    {args.realm} = {{
        database_name = {place.path("principal")}
        key_stash_file = {place.path("stash")}
        acl_file = {place.path("kadm5.acl")}
        kdc_listen = {args.address}:{port}
        kdc_tcp_listen = {args.address}:{port}
        supported_enctypes = {args.enctypes}
        default_principal_flags = +preauth
        max_life = 1h
    }}
[logging]
    kdc = FILE:{place.path("kdc.log")}
""")
    return {"KRB5_CONFIG": krb5_conf, "KRB5_KDC_PROFILE": kdc_conf}


def add_principals(place, args, tools, env):
    """A user who must prove herself first (sspi insists on it), and the services of one host."""
    user = {"name": args.user, "password": secrets.token_hex(12)}
    user_keytab, keytab = place.path("user.keytab"), place.path("service.keytab")
    spns = [f"{kind}/{args.host}" for kind in ("host", "RPCSS")]
    commands = [f"addprinc +requires_preauth -pw {user['password']} {user['name']}"]
    # Without -norandkey the export would change the password.
    commands.append(f"ktadd -norandkey -k {user_keytab} {user['name']}")
    for spn in spns:
        commands += [f"addprinc -randkey {spn}", f"ktadd -k {keytab} {spn}"]
    said = place.run(tools["kadmin.local"], "-r", args.realm, stdin="\n".join(commands) + "\n", env=env)
    for path in (user_keytab, keytab):
        if not os.path.exists(path):
            raise Failed(f"kadmin.local made no keytab: {said.strip().splitlines()[-1:]}")
    return {"user": {**user, "keytab": user_keytab}, "service": {"spns": spns, "keytab": keytab}}


if __name__ == "__main__":
    main(start)
