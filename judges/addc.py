#!/usr/bin/python3
"""A throw-away Samba AD DC: KDC, NTLM and RPC server for our client, and tickets with a PAC.

    addc.py start [--address 127.88.0.1] [--user NAME] [--host NAME]

Needs root (ports below 1024), Debian's samba-ad-dc, and the system's Python with python3-samba.
It listens on one address of 127.0.0.0/8 only, so that it does not stand in the way of 127.0.0.1.
Prints one line of JSON when it is ready; ends when its standard input closes.
"""

import argparse
import os
import secrets
import shutil
import time

from throwaway import Failed, Throwaway, main

PORTS = (135, 389, 88, 445, 464)


def arguments():
    parser = argparse.ArgumentParser(description="a throw-away Samba AD DC")
    parser.add_argument("command", choices=["start"])
    parser.add_argument("--address", help="an address of 127.0.0.0/8; default: one made of our process id")
    parser.add_argument("--realm", default="AD.TEST")
    parser.add_argument("--domain", default="ADTEST")
    parser.add_argument("--user", default="backup", help="an ordinary user")
    parser.add_argument("--service", default="casvc", help="the account whose keytab a server of ours gets")
    parser.add_argument("--host", default="ca.ad.test", help="name in the SPNs of that account")
    return parser.parse_args()


def start():
    args = arguments()
    if os.geteuid() != 0:
        raise Failed("an AD DC needs ports below 1024: not root")
    try:
        import samba  # noqa: F401
    except ImportError as error:
        raise Failed("python3-samba is not installed for this Python; run me with /usr/bin/python3") from error
    pid = os.getpid()
    address = args.address or f"127.88.{pid >> 8 & 0x7F}.{pid % 254 + 1}"
    with Throwaway("csbackup-addc-") as place:
        begin = time.monotonic()
        conf = provision(place, args, address)
        accounts = add_accounts(place, args, conf)
        provisioned = time.monotonic()
        child = place.start("samba", "-F", "--no-process-group", "-s", conf)
        place.wait_for_ports(address, PORTS, child)
        krb5_conf = place.write("krb5.conf", krb5(args, address), 0o644)
        ccache = wait_for_kdc(place, args, accounts, krb5_conf, child)
        ready = time.monotonic()
        place.serve({
            "address": address,
            "ports": {"epm": 135, "ldap": 389, "kdc": 88, "smb": 445, "kpasswd": 464},
            "realm": args.realm,
            "domain": args.domain,
            "dc": f"dc1.{args.realm.lower()}",
            **accounts,
            "ccache": ccache,
            "krb5_conf": krb5_conf,
            "smb_conf": conf,
            "dir": place.dir,
            "pids": [child.pid],
            "seconds": {"provision": round(provisioned - begin, 2), "start": round(ready - provisioned, 2)},
        })


def provision(place, args, address):
    """Makes the domain; returns its smb.conf."""
    target = place.path("dc")
    place.run(
        "samba-tool", "domain", "provision", f"--realm={args.realm}", f"--domain={args.domain}",
        "--host-name=dc1", f"--host-ip={address}", "--server-role=dc", "--dns-backend=NONE",
        f"--adminpass={password()}", f"--targetdir={target}",
        f"--option=interfaces={address}/8", "--option=bind interfaces only=yes",
        "--option=vfs objects=dfs_samba4 acl_xattr xattr_tdb", "--option=disable netbios=yes",
    )
    generated = os.path.join(target, "etc", "smb.conf")
    lines = []
    with open(generated, encoding="utf-8") as file:
        for line in file:
            lines.append(line)
            if line.strip() == "[global]":
                lines.append(settings(place))
    return place.write("smb.conf", "".join(lines), 0o644)


def settings(place):
    folders = {"pid directory": 0o755, "ncalrpc dir": 0o755, "winbindd socket directory": 0o755,
               "ntp signd socket directory": 0o750}
    text = ""
    for option, mode in folders.items():
        folder = place.path(option.split()[0])
        os.mkdir(folder, mode)
        text += f"\t{option} = {folder}\n"
    return text + (
        "\tserver services = s3fs, rpc, ldap, cldap, kdc, winbindd\n"
        "\tlog level = 1\n"
        f"\tlog file = {place.path('log')}\n"
    )


def add_accounts(place, args, conf):
    """A user, and a service account with SPNs and AES keys only; done in the database, before the start."""
    from samba import dckeytab  # noqa: F401  gives Net its export_keytab
    from samba.auth import system_session
    from samba.net import Net
    from samba.param import LoadParm
    from samba.samdb import SamDB
    import ldb

    lp = LoadParm()
    lp.load(conf)
    sam = SamDB(url=lp.private_path("sam.ldb"), session_info=system_session(), lp=lp)
    user = {"name": args.user, "password": password()}
    service = {"account": args.service, "password": password()}
    spns = [f"{kind}/{args.host}" for kind in ("host", "RPCSS")]
    sam.newuser(user["name"], user["password"])
    sam.newuser(service["account"], service["password"])
    for account in (user["name"], service["account"]):
        change = ldb.Message(sam.search(expression=f"(sAMAccountName={account})", attrs=[])[0].dn)
        # 8 AES-128, 16 AES-256.
        change["e"] = ldb.MessageElement("24", ldb.FLAG_MOD_REPLACE, "msDS-SupportedEncryptionTypes")
        if account == service["account"]:
            change["s"] = ldb.MessageElement(spns, ldb.FLAG_MOD_REPLACE, "servicePrincipalName")
        sam.modify(change)
    # Keys of the new types are made when a password is set.
    sam.setpassword(f"(sAMAccountName={service['account']})", service["password"])
    sam.setpassword(f"(sAMAccountName={user['name']})", user["password"])
    found = sam.search(expression=f"(sAMAccountName={user['name']})", attrs=["objectSid"])[0]
    user["sid"] = sam.schema_format_value("objectSid", found["objectSid"][0]).decode()
    keytab = place.path("service.keytab")
    for spn in spns:
        Net(None, lp).export_keytab(keytab=keytab, principal=spn)
    return {"user": user, "service": {**service, "spns": spns, "keytab": keytab}}


def krb5(args, address):
    return f"""[libdefaults]
    default_realm = {args.realm}
    dns_lookup_kdc = false
    dns_lookup_realm = false
    dns_canonicalize_hostname = false
    rdns = false
    udp_preference_limit = 1
[realms]
    {args.realm} = {{
        kdc = {address}
        admin_server = {address}
    }}
[domain_realm]
    {args.host} = {args.realm}
    .{args.realm.lower()} = {args.realm}
"""


def wait_for_kdc(place, args, accounts, krb5_conf, child):
    """An open port is not yet a KDC that knows its users. Returns the user's cache, with service tickets."""
    if not shutil.which("kinit"):
        return None
    ccache = place.path("user.ccache")
    env = {"KRB5_CONFIG": krb5_conf, "KRB5CCNAME": ccache}
    end = time.monotonic() + 30
    while True:
        try:
            place.run("kinit", f"{accounts['user']['name']}@{args.realm}",
                      stdin=accounts["user"]["password"] + "\n", env=env)
            break
        except Failed:
            if child.poll() is not None or time.monotonic() > end:
                raise
            time.sleep(0.05)
    place.run("kvno", *accounts["service"]["spns"], f"host/dc1.{args.realm.lower()}", env=env)
    return ccache


def password():
    # Fits the domain's rules: upper, lower, digit.
    return "Aa1" + secrets.token_hex(12)


if __name__ == "__main__":
    main(start)
