//! The server's side of CredSSP, for one set of credentials.

use std::io;

use oriel_protocol::secret::{Credentials, Secret};
use sspi::{
    AuthIdentity, NegotiateConfig, Username,
    credssp::{CredSspServer, CredentialsProxy, NStatusCode, ServerError, ServerMode, ServerState},
    generator::GeneratorState,
    ntlm::NtlmConfig,
};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::{AUTHORIZATION_SUCCESS, kdc, read_ts_request, write_ts_request};

/// The newest version of the exchange that is spoken here.
pub const CREDSSP_VERSION: u32 = 6;

/// What a server needs to let somebody in.
#[derive(Clone, Copy, Debug)]
pub struct ServerSignIn<'a> {
    /// Whom to let in. Any domain is taken.
    pub credentials: &'a Credentials,
    /// This machine's name.
    pub server_name: &'a str,
    /// The `SubjectPublicKey` of the certificate that TLS showed.
    pub server_public_key: &'a [u8],
    /// `PROTOCOL_HYBRID_EX` was picked: send the authorization result.
    pub sends_authorization_result: bool,
    /// Version of the exchange, 2 to 6; [`CREDSSP_VERSION`] unless an older server is to be played.
    pub version: u32,
}

/// Why nobody was let in.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AcceptError {
    /// User or password is wrong; the client was told.
    #[error("the client could not sign in: {0}")]
    Denied(String),
    /// The client broke the exchange.
    #[error("CredSSP: {0}")]
    Exchange(String),
    /// The connection broke.
    #[error("connection lost during sign-in: {0}")]
    Io(#[from] io::Error),
}

/// Runs the exchange and returns what the client delegated.
///
/// # Errors
/// [`AcceptError`]; the client has its status code where its version has a field for one.
pub async fn accept<S>(
    stream: &mut S,
    sign_in: &ServerSignIn<'_>,
) -> Result<Credentials, AcceptError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut incoming = read_ts_request(stream).await?;
    let mut server = machine(sign_in, incoming.nego_tokens.as_deref().unwrap_or_default())?;
    loop {
        // The exchange runs at the lower of both versions ([MS-CSSP] 3.1.5); `sspi` goes by the
        // client's alone.
        incoming.version = incoming.version.min(sign_in.version);
        let outcome = {
            let mut generator = server.process(incoming);
            let mut state = generator.start();
            loop {
                match state {
                    GeneratorState::Suspended(request) => {
                        state = generator.resume(kdc::send(&request).await);
                    }
                    GeneratorState::Completed(outcome) => break outcome,
                }
            }
        };
        match outcome {
            Ok(ServerState::ReplyNeeded(reply)) => {
                write_ts_request(stream, &reply).await?;
                incoming = read_ts_request(stream).await?;
            }
            Ok(ServerState::Finished(identity)) => {
                if sign_in.sends_authorization_result {
                    stream.write_u32_le(AUTHORIZATION_SUCCESS).await?;
                    stream.flush().await?;
                }
                return Ok(Credentials {
                    user: identity.username.account_name().to_owned(),
                    domain: sign_in.credentials.domain.clone(),
                    password: Secret::new(identity.password.as_ref().clone()),
                });
            }
            Err(ServerError { ts_request, error }) => {
                if let Some(mut reply) = ts_request {
                    // `sspi` puts a code of its own here that no client knows.
                    reply.error_code = Some(NStatusCode::LOGON_FAILURE);
                    reply.nego_tokens = None;
                    reply.pub_key_auth = None;
                    write_ts_request(stream, &reply).await?;
                }
                return Err(AcceptError::Denied(error.description));
            }
        }
    }
}

/// Clients send NTLM bare or inside SPNEGO: the first token tells.
fn machine(
    sign_in: &ServerSignIn<'_>,
    first_token: &[u8],
) -> Result<CredSspServer<KnownUser>, AcceptError> {
    let ntlm = NtlmConfig::new(sign_in.server_name.to_owned());
    let mode = if first_token.starts_with(b"NTLMSSP\0") {
        ServerMode::Ntlm(ntlm)
    } else {
        ServerMode::Negotiate(NegotiateConfig::new(
            Box::new(ntlm),
            Some("ntlm,!kerberos,!pku2u".to_owned()),
            sign_in.server_name.to_owned(),
        ))
    };
    let user = KnownUser {
        user: sign_in.credentials.user.clone(),
        domain: sign_in.credentials.domain.clone(),
        password: sign_in.credentials.password.clone(),
    };
    CredSspServer::new_with_version(
        sign_in.server_public_key.to_vec(),
        user,
        sign_in.version,
        mode,
    )
    .map_err(|error| AcceptError::Exchange(error.description))
}

/// The one user who may come in.
#[derive(Debug)]
struct KnownUser {
    user: String,
    domain: String,
    password: Secret,
}

impl KnownUser {
    fn identity(&self, username: Username) -> AuthIdentity {
        AuthIdentity {
            username,
            password: self.password.expose().to_owned().into(),
        }
    }
}

impl CredentialsProxy for KnownUser {
    type AuthenticationData = AuthIdentity;

    fn auth_data_by_user(&mut self, username: &Username) -> io::Result<AuthIdentity> {
        if username.account_name().to_lowercase() == self.user.to_lowercase() {
            // The domain is part of the NTLMv2 hash: it must be the one that the client used.
            Ok(self.identity(username.clone()))
        } else {
            Err(io::Error::new(io::ErrorKind::NotFound, "unknown user"))
        }
    }

    fn auth_data(&mut self) -> io::Result<Vec<AuthIdentity>> {
        let domain = (!self.domain.is_empty()).then_some(self.domain.as_str());
        let username = Username::new(&self.user, domain)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error.to_string()))?;
        Ok(vec![self.identity(username)])
    }
}
