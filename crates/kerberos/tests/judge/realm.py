"""A throw-away MIT realm on a loopback port, and MIT GSSAPI in both roles, for tests/it/judge.rs.

realm.py start DIR     makes a realm in DIR, starts krb5kdc, prints its port, serves until stdin ends
realm.py initiate      MIT GSSAPI as the client: tokens and fragments over stdin/stdout
realm.py accept        MIT GSSAPI as the server, the same way

The two roles read lines of words and answer each with a line; bytes are hexadecimal, `-` is empty:
  step TOKEN                              -> more TOKEN | done TOKEN NAME
  wrap LEVEL HEADER BODY TRAILER          -> BODY TOKEN       (HEADER `.`: without header signing)
  unwrap LEVEL HEADER BODY TRAILER TOKEN  -> BODY | error TEXT
  mic DATA -> TOKEN      check DATA TOKEN -> ok | error TEXT
"""

import os
import socket
import subprocess
import sys
import time

REALM = "TEST.EXAMPLE"
SERVICE = "host/ca.test.example"
USER, PASSWORD = "backup", "Passw0rd!"


def start(directory):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    path = lambda name: os.path.join(directory, name)
    with open(path("krb5.conf"), "w") as f:
        f.write(f"""[libdefaults]
 default_realm = {REALM}
 dns_lookup_kdc = false
 dns_canonicalize_hostname = false
 rdns = false
 udp_preference_limit = 1
[realms]
 {REALM} = {{
  kdc = 127.0.0.1:{port}
 }}
""")
    with open(path("kdc.conf"), "w") as f:
        f.write(f"""[kdcdefaults]
 kdc_listen = ""
 kdc_tcp_listen = "127.0.0.1:{port}"
[realms]
 {REALM} = {{
  database_name = {path("principal")}
  key_stash_file = {path("stash")}
  acl_file = {path("acl")}
  supported_enctypes = aes256-cts:normal aes128-cts:normal
 }}
[logging]
 kdc = FILE:{path("kdc.log")}
""")
    os.environ["KRB5_CONFIG"] = path("krb5.conf")
    os.environ["KRB5_KDC_PROFILE"] = path("kdc.conf")
    os.environ["PATH"] += ":/usr/sbin"
    quiet = {"stdout": subprocess.DEVNULL, "check": True}
    subprocess.run(["kdb5_util", "create", "-s", "-r", REALM, "-P", "master"], **quiet)
    commands = f"""addprinc -pw {PASSWORD} +requires_preauth {USER}
addprinc -pw {PASSWORD} -requires_preauth nopreauth
addprinc -pw {PASSWORD} +requires_preauth -e aes128-cts:normal small
addprinc -pw {PASSWORD} +requires_preauth disabled
modprinc -allow_tix disabled
addprinc -randkey {SERVICE}
addprinc -randkey -e aes128-cts:normal host/small.test.example
addprinc -randkey robot
ktadd -k {path("service.keytab")} {SERVICE} host/small.test.example
ktadd -k {path("robot.keytab")} robot
addprinc -randkey host/elsewhere.test.example
ktadd -k {path("elsewhere.keytab")} host/elsewhere.test.example
"""
    subprocess.run(["kadmin.local", "-r", REALM], input=commands, text=True, **quiet)
    kdc = subprocess.Popen(["krb5kdc", "-n", "-r", REALM], stdout=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        kinit = ["kinit", "-c", path("ccache"), USER]
        subprocess.run(kinit, input=PASSWORD + "\n", text=True, **quiet)
        kvno = ["kvno", "-c", path("ccache"), SERVICE]
        subprocess.run(kvno, **quiet)
        print(port, flush=True)
        sys.stdin.read()
    finally:
        kdc.terminate()
        kdc.wait()


def serve(context):
    import gssapi
    from gssapi.raw import ext_dce as dce

    unhex = lambda word: b"" if word == "-" else bytes.fromhex(word)
    tohex = lambda data: data.hex() or "-"

    def buffers(level, header, body, trailer, token):
        kind = dce.IOVBufferType
        data = (kind.data, False, unhex(body))
        parts = [data]
        if header != ".":
            signed = lambda word: (kind.sign_only, False, unhex(word))
            parts = [signed(header), data, signed(trailer)]
        return dce.IOV((kind.header, token is None, None if token is None else unhex(token)), *parts, std_layout=False), len(parts) // 2 + 1

    for line in sys.stdin:
        verb, *words = line.split()
        try:
            if verb == "step":
                token = context.step(unhex(words[0])) or b""
                if context.complete:
                    print("done", tohex(token), context.initiator_name)
                else:
                    print("more", tohex(token))
            elif verb == "wrap":
                level, header, body, trailer = words
                iov, at = buffers(level, header, body, trailer, None)
                dce.wrap_iov(context, iov, confidential=True, qop=None)
                print(tohex(iov[at].value), tohex(iov[0].value))
            elif verb == "unwrap":
                iov, at = buffers(*words)
                result = dce.unwrap_iov(context, iov)
                assert result.encrypted, "not encrypted"
                print(tohex(iov[at].value))
            elif verb == "mic":
                print(tohex(context.get_signature(unhex(words[0]))))
            elif verb == "check":
                context.verify_signature(unhex(words[0]), unhex(words[1]))
                print("ok")
        except Exception as error:
            print("error", " ".join(str(error).split()))
        sys.stdout.flush()


def initiate():
    import gssapi

    name = gssapi.Name(SERVICE + "@" + REALM, gssapi.NameType.kerberos_principal)
    flag = gssapi.RequirementFlag
    flags = [
        flag.mutual_authentication, flag.replay_detection, flag.out_of_sequence_detection,
        flag.confidentiality, flag.integrity, flag.dce_style,
    ]
    serve(gssapi.SecurityContext(name=name, flags=flags, usage="initiate", mech=gssapi.MechType.kerberos))


def accept():
    import gssapi

    serve(gssapi.SecurityContext(creds=gssapi.Credentials(usage="accept"), usage="accept"))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["start", directory]:
            start(directory)
        case ["initiate"]:
            initiate()
        case ["accept"]:
            accept()
