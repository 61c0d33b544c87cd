//! The AS and TGS exchanges (RFC 4120 3.1, 3.3). `sspi` builds the requests; replies are read and judged
//! here, because it does not compare the nonce and the service, logs session keys at level `trace`, and
//! takes a KDC that asks for no pre-authentication for a fault.

use picky_asn1::restricted_string::IA5String;
use picky_asn1::wrapper::{Asn1SequenceOf, IntegerAsn1, Optional};
use picky_krb::crypto::CipherSuite;
use picky_krb::data_types as krb;
use sspi::kerberos::EncryptionParams;
use sspi::kerberos::client::generators::{
    GenerateAsReqOptions, GenerateKeytabPaDataOptions, GenerateTgsReqOptions, generate_as_req,
    generate_as_req_kdc_body, generate_pa_datas_for_as_req_with_key, generate_tgs_req,
};
use sspi::{ClientRequestFlags, Secret as SspiSecret};
use zeroize::Zeroizing;

use crate::crypto::{Etype, Key, fill};
use crate::der::{Malformed, Reader, time};
use crate::kdc_messages::{EtypeInfo, KdcRep, KdcRepPart, KrbError, PaData};
use crate::messages::usage;
use crate::ticket::{Ticket, now};
use crate::{Config, Error, Keytab, Principal, transport};

/// Message types, which are also application tags.
const AS_REP: u8 = 11;
const TGS_REP: u8 = 13;
/// `PA-ETYPE-INFO2`.
const PA_ETYPE_INFO2: i64 = 19;
/// `KDC_ERR_PREAUTH_REQUIRED`.
const PREAUTH_REQUIRED: i64 = 25;
/// The default, and only, number of string-to-key iterations: 4096.
const ITERATIONS: [u8; 4] = [0, 0, 0x10, 0];
/// Name types (RFC 4120 6.2, RFC 6806 5).
const NT_PRINCIPAL: u8 = 1;
const NT_ENTERPRISE: u8 = 10;

/// What a user's key comes from.
pub(crate) enum Secret<'a> {
    Password(&'a Zeroizing<String>),
    Keytab(&'a Keytab),
}

impl Secret<'_> {
    /// The user's key of a type. `info` is the KDC's advice for that type.
    fn key(&self, user: &Principal, etype: Etype, info: Option<&EtypeInfo>) -> Result<Key, Error> {
        match self {
            Self::Keytab(keytab) => {
                keytab.newest(user, Some(etype)).cloned().ok_or_else(|| keytab.no_key(user, None))
            }
            Self::Password(password) => {
                if let Some(params) = info.and_then(|info| info.params.as_deref())
                    && params != ITERATIONS
                {
                    return Err(Error::Reply(format!(
                        "s2kparams are {params:02x?}, expected 4096 iterations"
                    )));
                }
                let salt = match info.and_then(|info| info.salt.as_deref()) {
                    Some(salt) => salt.to_vec(),
                    None => [user.realm().to_owned(), user.components().concat()].concat().into_bytes(),
                };
                Key::from_password(etype, password, &salt).ok_or_else(|| Error::Reply("salt".to_owned()))
            }
        }
    }
}

/// Logs the user on: a ticket for `krbtgt/REALM`.
pub(crate) fn granting_ticket(
    config: &Config,
    user: &Principal,
    secret: &Secret<'_>,
) -> Result<Ticket, Error> {
    let nonce = nonce()?;
    let mut infos = Vec::new();
    let mut message = transport::ask(config, user.realm(), &as_request(user, nonce, None)?)?;
    if KrbError::is(&message) {
        let error = KrbError::read(&message)?;
        if error.code != PREAUTH_REQUIRED {
            return Err(as_refusal(user, &error));
        }
        infos = etype_infos(&PaData::read_all(Reader::new(&error.data))?)?;
        let key = preauth_key(user, secret, &infos)?;
        message = transport::ask(config, user.realm(), &as_request(user, nonce, Some(&key))?)?;
    }
    if KrbError::is(&message) {
        return Err(as_refusal(user, &KrbError::read(&message)?));
    }
    let reply = KdcRep::read(&message, AS_REP)?;
    let own = etype_infos(&reply.padata)?;
    let infos = if own.is_empty() { infos } else { own };
    let etype = Etype::of(reply.sealed.etype)
        .ok_or_else(|| Error::Reply(format!("etype of enc-part is {}, expected AES", reply.sealed.etype)))?;
    let info = infos.iter().find(|info| info.etype == reply.sealed.etype);
    let key = secret.key(user, etype, info)?;
    let plain = reply.sealed.open(&key, usage::AS_REP).ok_or_else(|| Error::WrongPassword(user.clone()))?;
    ticket(reply, &plain, nonce, &[&Principal::tgs(user.realm(), user.realm())])
}

/// A ticket for `service`, or one for the ticket-granting service of the realm to ask instead.
pub(crate) fn service_ticket(
    config: &Config,
    granting: &Ticket,
    service: &Principal,
) -> Result<Ticket, Error> {
    let realm = granting.service.tgs_realm().unwrap_or(granting.service.realm());
    let (request, nonce) = tgs_request(granting, realm, service)?;
    let message = transport::ask(config, realm, &request)?;
    if KrbError::is(&message) {
        let error = KrbError::read(&message)?;
        return Err(match error.code {
            // KDC_ERR_S_PRINCIPAL_UNKNOWN
            7 => Error::UnknownService { service: service.clone(), realm: realm.to_owned() },
            _ => refusal(realm, &error),
        });
    }
    let reply = KdcRep::read(&message, TGS_REP)?;
    let plain = reply
        .sealed
        .open(&granting.key, usage::TGS_REP)
        .ok_or_else(|| Error::Reply("enc-part of TGS-REP was not made with our key".to_owned()))?;
    ticket(reply, &plain, nonce, &[service])
}

/// Checks that a reply is the one to our request.
fn ticket(reply: KdcRep, plain: &[u8], nonce: u32, wanted: &[&Principal]) -> Result<Ticket, Error> {
    let KdcRep { client, ticket: raw, .. } = reply;
    let part = KdcRepPart::read(plain)?;
    if part.nonce != nonce {
        return Err(Error::Reply("nonce is not the request's".to_owned()));
    }
    let fits = wanted.iter().any(|wanted| part.service.name().eq_ignore_ascii_case(&wanted.name()));
    if !fits && part.service.tgs_realm().is_none() {
        return Err(Error::Reply(format!("sname is {}, not what was asked for", part.service)));
    }
    Ok(Ticket { client, service: part.service, raw, key: part.key, ends: part.ends })
}

/// The key the KDC likes best of those we have.
fn preauth_key(user: &Principal, secret: &Secret<'_>, infos: &[EtypeInfo]) -> Result<Key, Error> {
    let mut failure = None;
    for info in infos {
        let Some(etype) = Etype::of(info.etype) else { continue };
        match secret.key(user, etype, Some(info)) {
            Ok(key) => return Ok(key),
            Err(error) => failure = Some(error),
        }
    }
    Err(failure.unwrap_or_else(|| {
        let offered: Vec<_> = infos.iter().map(|info| info.etype).collect();
        Error::Reply(format!("encryption types of {user} are {offered:?}, none is AES (17, 18)"))
    }))
}

fn etype_infos(padata: &[PaData]) -> Result<Vec<EtypeInfo>, Error> {
    match padata.iter().find(|data| data.kind == PA_ETYPE_INFO2) {
        Some(data) => Ok(EtypeInfo::read_all(&data.value)?),
        None => Ok(Vec::new()),
    }
}

/// AS-REQ; with a key, pre-authenticated by the time.
fn as_request(user: &Principal, nonce: u32, key: Option<&Key>) -> Result<Vec<u8>, Error> {
    let encode = || Error::Encode(user.to_string());
    // sspi cuts the name at `/` itself.
    let name = user.name();
    let is_upn = name.contains('@');
    let mut body = generate_as_req_kdc_body(&GenerateAsReqOptions {
        realm: user.realm(),
        username: &name,
        cname_type: if is_upn { NT_ENTERPRISE } else { NT_PRINCIPAL },
        snames: &["krbtgt", user.realm()],
        nonce,
        hostname: "",
        context_requirements: ClientRequestFlags::empty(),
    })
    .map_err(|_| encode())?;
    // A ticket bound to an address is of no use behind NAT.
    body.addresses = Optional::from(None);
    let options = GenerateKeytabPaDataOptions {
        key: SspiSecret::new(key.map(|key| key.bytes().to_vec()).unwrap_or_default()),
        key_enctype: key.map_or(CipherSuite::Aes256CtsHmacSha196, |key| suite(key.etype())),
        with_pre_auth: key.is_some(),
    };
    let padata = generate_pa_datas_for_as_req_with_key(&options).map_err(|_| encode())?;
    picky_asn1_der::to_vec(&generate_as_req(padata, body)).map_err(|_| encode())
}

/// TGS-REQ, and its nonce.
fn tgs_request(granting: &Ticket, realm: &str, service: &Principal) -> Result<(Vec<u8>, u32), Error> {
    let encode = || Error::Encode(service.to_string());
    // sspi knows services of two parts only.
    let [_, _] = service.components() else { return Err(encode()) };
    let mut authenticator = authenticator(&granting.client).ok_or_else(encode)?;
    let request = generate_tgs_req(GenerateTgsReqOptions {
        realm,
        service_principal: &service.name(),
        session_key: &SspiSecret::new(granting.key.bytes().to_vec()),
        ticket: picky_asn1_der::from_bytes(&granting.raw).map_err(|_| encode())?,
        authenticator: &mut authenticator,
        additional_tickets: None,
        enc_params: &EncryptionParams {
            encryption_type: Some(suite(granting.key.etype())),
            ..EncryptionParams::default_for_client()
        },
        context_requirements: ClientRequestFlags::empty(),
    })
    .map_err(|_| encode())?;
    let nonce =
        request.0.req_body.nonce.0.0.iter().fold(0, |nonce: u32, &byte| (nonce << 8) | u32::from(byte));
    Ok((picky_asn1_der::to_vec(&request).map_err(|_| encode())?, nonce))
}

/// The authenticator of a TGS-REQ; sspi adds the checksum of the body.
fn authenticator(client: &Principal) -> Option<krb::Authenticator> {
    let string = |text: &str| IA5String::from_string(text.to_owned()).ok().map(krb::KerberosStringAsn1::from);
    let names = client.components().iter().map(|name| string(name)).collect::<Option<Vec<_>>>()?;
    let (seconds, micros) = now();
    let ctime: krb::KerberosTime = picky_asn1_der::from_bytes(&time(seconds)).ok()?;
    let micros = micros.to_be_bytes().to_vec();
    Some(krb::Authenticator::from(krb::AuthenticatorInner {
        authenticator_vno: IntegerAsn1::from(vec![5]).into(),
        crealm: string(client.realm())?.into(),
        cname: krb::PrincipalName {
            name_type: IntegerAsn1::from(vec![NT_PRINCIPAL]).into(),
            name_string: Asn1SequenceOf::from(names).into(),
        }
        .into(),
        cksum: Optional::from(None),
        cusec: IntegerAsn1::from_bytes_be_unsigned(micros).into(),
        ctime: ctime.into(),
        subkey: Optional::from(None),
        seq_number: Optional::from(None),
        authorization_data: Optional::from(None),
    }))
}

fn suite(etype: Etype) -> CipherSuite {
    match etype {
        Etype::Aes128 => CipherSuite::Aes128CtsHmacSha196,
        Etype::Aes256 => CipherSuite::Aes256CtsHmacSha196,
    }
}

/// 31 random bits: peers disagree about the sign of a 32nd.
fn nonce() -> Result<u32, Error> {
    let mut bytes = [0; 4];
    fill(&mut bytes)?;
    Ok(u32::from_be_bytes(bytes) >> 1)
}

fn as_refusal(user: &Principal, error: &KrbError) -> Error {
    let account = |reason: &str| Error::Account { principal: user.clone(), reason: reason.to_owned() };
    match error.code {
        1 => account("it expired"),
        6 => Error::UnknownClient(user.clone()),
        18 => account("it is disabled, locked or outside its hours"),
        23 => account("its password expired"),
        // PREAUTH_FAILED; older KDCs answer BAD_INTEGRITY.
        24 | 31 => Error::WrongPassword(user.clone()),
        _ => refusal(user.realm(), error),
    }
}

fn refusal(realm: &str, error: &KrbError) -> Error {
    let kdc = format!("the KDC of {realm}");
    match error.code {
        // KRB_AP_ERR_SKEW
        37 => Error::ClockSkew { of: format!("that of {kdc}"), seconds: error.time.saturating_sub(now().0) },
        code => Error::Refused { from: kdc, code, name: error.name(), text: error.text.clone() },
    }
}

impl From<Malformed> for Error {
    fn from(Malformed(what): Malformed) -> Self {
        Self::Reply(format!("{what} does not fit"))
    }
}
