use dcerpc::security::{AuthService, Initiated, Initiator, SecurityError};
use kerberos::{Client, ClientContext, Error};

/// Kerberos as the first offer of a negotiation: where it cannot run, the next mechanism may.
pub(crate) struct Preferred {
    client: Client,
    spn: String,
    context: ClientContext,
    is_prepared: bool,
}

impl Preferred {
    pub(crate) fn new(client: &Client, spn: String) -> Result<Self, Error> {
        let context = client.initiator(&spn)?;
        Ok(Self { client: client.clone(), spn, context, is_prepared: false })
    }

    /// Fetches the ticket, to tell "cannot run" from "may not".
    fn prepare(&mut self) -> Result<(), SecurityError> {
        let Err(error) = self.client.prepare(&self.spn) else {
            self.is_prepared = true;
            return Ok(());
        };
        match error {
            // The account may be one of the server itself.
            Error::UnknownClient(_) => {
                tracing::warn!(spn = self.spn, reason = %error, "Kerberos cannot run, NTLM is tried if it is at hand");
                Err(SecurityError::Unavailable(Box::new(error)))
            }
            error => {
                let error = SecurityError::from(error);
                if let SecurityError::Unavailable(reason) = &error {
                    tracing::warn!(spn = self.spn, %reason, "Kerberos cannot run, NTLM is tried if it is at hand");
                }
                Err(error)
            }
        }
    }
}

impl Initiator for Preferred {
    fn service(&self) -> AuthService {
        AuthService::Kerberos
    }

    fn step(&mut self, token: &[u8]) -> Result<Initiated, SecurityError> {
        if !self.is_prepared {
            self.prepare()?;
        }
        self.context.step(token)
    }
}
