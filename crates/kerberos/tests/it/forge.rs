//! A KDC's work without a KDC: tickets, made with `picky-krb`, in a credential cache and a keytab.

use dcerpc::security::{
    Accepted, Acceptor as _, Identity, Initiated, Initiator as _, Protection, SecurityError,
};
use kerberos::{Client, Config, Credential, CredentialCache, Keytab, Service};
use picky_asn1::bit_string::BitString;
use picky_asn1::restricted_string::IA5String;
use picky_asn1::wrapper::{Asn1SequenceOf, BitStringAsn1, IntegerAsn1, OctetStringAsn1, Optional};
use picky_krb::crypto::CipherSuite;
use picky_krb::data_types::{
    EncTicketPart, EncTicketPartInner, EncryptedData, EncryptionKey, KerberosStringAsn1, KerberosTime,
    PrincipalName, Ticket, TicketInner, TransitedEncoding,
};
use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) const REALM: &str = "TEST.EXAMPLE";
pub(crate) const SERVICE: &str = "host/ca.test.example";
/// The service's key.
pub(crate) const LONG_TERM: [u8; 32] = [0x11; 32];
/// The ticket's key.
pub(crate) const SESSION: [u8; 32] = [0x22; 32];

/// What a forged ticket says.
pub(crate) struct Forged {
    pub(crate) user: &'static str,
    pub(crate) starts: i64,
    pub(crate) ends: i64,
    /// What the credential cache says of the end.
    pub(crate) cache_ends: i64,
    pub(crate) flags: u32,
    pub(crate) etype: u8,
    pub(crate) kvno: u8,
    pub(crate) key: Vec<u8>,
    pub(crate) service: String,
}

impl Default for Forged {
    fn default() -> Self {
        let (starts, ends) = (unix() - 60, unix() + 3600);
        let key = LONG_TERM.to_vec();
        Self {
            user: "backup",
            starts,
            ends,
            cache_ends: ends,
            flags: 0,
            etype: 18,
            kvno: 3,
            key,
            service: SERVICE.to_owned(),
        }
    }
}

pub(crate) fn unix() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
}

pub(crate) fn string(text: &str) -> KerberosStringAsn1 {
    IA5String::from_string(text.to_owned()).unwrap().into()
}

pub(crate) fn name(text: &str) -> PrincipalName {
    let parts: Vec<_> = text.split('/').map(string).collect();
    PrincipalName {
        name_type: IntegerAsn1::from(vec![1]).into(),
        name_string: Asn1SequenceOf::from(parts).into(),
    }
}

pub(crate) fn time(unix: i64) -> KerberosTime {
    let time = time::OffsetDateTime::from_unix_timestamp(unix).unwrap();
    picky_asn1::date::GeneralizedTime::from(time).into()
}

impl Forged {
    fn part(&self) -> Vec<u8> {
        let part = EncTicketPart::from(EncTicketPartInner {
            flags: BitStringAsn1::from(BitString::with_bytes(self.flags.to_be_bytes().to_vec())).into(),
            key: EncryptionKey {
                key_type: IntegerAsn1::from(vec![18]).into(),
                key_value: OctetStringAsn1::from(SESSION.to_vec()).into(),
            }
            .into(),
            crealm: string(REALM).into(),
            cname: name(self.user).into(),
            transited: TransitedEncoding {
                tr_type: IntegerAsn1::from(vec![1]).into(),
                contents: OctetStringAsn1::from(vec![]).into(),
            }
            .into(),
            auth_time: time(self.starts).into(),
            starttime: Optional::from(None),
            endtime: time(self.ends).into(),
            renew_till: Optional::from(None),
            caddr: Optional::from(None),
            authorization_data: Optional::from(None),
        });
        picky_asn1_der::to_vec(&part).unwrap()
    }

    pub(crate) fn ticket(&self) -> Vec<u8> {
        let cipher = CipherSuite::Aes256CtsHmacSha196.cipher().encrypt(&self.key, 2, &self.part()).unwrap();
        let ticket = Ticket::from(TicketInner {
            tkt_vno: IntegerAsn1::from(vec![5]).into(),
            realm: string(REALM).into(),
            sname: name(&self.service).into(),
            enc_part: EncryptedData {
                etype: IntegerAsn1::from(vec![self.etype]).into(),
                kvno: Optional::from(Some(IntegerAsn1::from(vec![self.kvno]).into())),
                cipher: OctetStringAsn1::from(cipher).into(),
            }
            .into(),
        });
        picky_asn1_der::to_vec(&ticket).unwrap()
    }

    /// A version 4 credential cache with the ticket.
    pub(crate) fn cache(&self) -> Vec<u8> {
        let mut file = vec![5, 4, 0, 0];
        principal(&mut file, self.user);
        principal(&mut file, self.user);
        principal(&mut file, SERVICE);
        file.extend([0, 18]);
        counted(&mut file, &SESSION);
        for time in [self.starts, self.starts, self.cache_ends, 0] {
            file.extend((time as u32).to_be_bytes());
        }
        file.push(0); // is_skey
        file.extend([0; 12]); // flags, no addresses, no authorization data
        counted(&mut file, &self.ticket());
        counted(&mut file, &[]); // no second ticket
        file
    }

    pub(crate) fn client(&self) -> Client {
        let cache = CredentialCache::parse(&self.cache()).unwrap();
        Client::new(Config::default(), Credential::Cache(cache))
    }
}

fn counted(file: &mut Vec<u8>, bytes: &[u8]) {
    file.extend((bytes.len() as u32).to_be_bytes());
    file.extend(bytes);
}

fn principal(file: &mut Vec<u8>, name: &str) {
    let parts: Vec<_> = name.split('/').collect();
    file.extend([0, 0, 0, 1]);
    file.extend((parts.len() as u32).to_be_bytes());
    counted(file, REALM.as_bytes());
    for part in parts {
        counted(file, part.as_bytes());
    }
}

/// A keytab of `(principal, kvno, etype, key)`.
pub(crate) fn keytab(entries: &[(&str, u32, u16, &[u8])]) -> Vec<u8> {
    let mut file = vec![5, 2];
    for (name, kvno, etype, key) in entries {
        let mut entry = Vec::new();
        let parts: Vec<_> = name.split('/').collect();
        entry.extend((parts.len() as u16).to_be_bytes());
        for text in [REALM].iter().chain(&parts) {
            entry.extend((text.len() as u16).to_be_bytes());
            entry.extend(text.as_bytes());
        }
        entry.extend([0, 0, 0, 1]); // name type
        entry.extend([0, 0, 0, 0]); // timestamp
        entry.push(*kvno as u8);
        entry.extend(etype.to_be_bytes());
        entry.extend((key.len() as u16).to_be_bytes());
        entry.extend(*key);
        entry.extend(kvno.to_be_bytes());
        file.extend((entry.len() as i32).to_be_bytes());
        file.extend(entry);
    }
    file
}

pub(crate) fn service() -> Service {
    Service::new(Keytab::parse(&keytab(&[(SERVICE, 3, 18, &LONG_TERM)])).unwrap())
}

/// Both ends of an established context.
pub(crate) struct Pair {
    pub(crate) client: Box<dyn Protection>,
    pub(crate) server: Box<dyn Protection>,
    pub(crate) identity: Identity,
}

/// The client's first token.
pub(crate) fn first(client: &Client) -> Vec<u8> {
    match client.initiator(SERVICE).unwrap().step(&[]).unwrap() {
        Initiated::Continue(token) => token,
        Initiated::Done { .. } => panic!("established after one leg"),
    }
}

pub(crate) fn establish(client: &Client, service: &Service) -> Result<Pair, SecurityError> {
    let mut initiator = client.initiator(SERVICE).unwrap();
    let mut acceptor = service.acceptor();
    let Initiated::Continue(request) = initiator.step(&[])? else { panic!("established after one leg") };
    let Accepted::Continue(reply) = acceptor.step(&request)? else { panic!("accepted after one leg") };
    let Initiated::Done { token, protection: client } = initiator.step(&reply)? else {
        panic!("not established")
    };
    let Accepted::Done { token: last, protection: server, identity } = acceptor.step(&token)? else {
        panic!("not accepted")
    };
    assert!(last.is_empty());
    Ok(Pair { client, server, identity })
}

pub(crate) fn pair() -> Pair {
    establish(&Forged::default().client(), &service()).unwrap()
}
