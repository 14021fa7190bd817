//! The client's side of CredSSP.

use std::io;

use oriel_protocol::secret::Credentials;
use sspi::{
    AuthIdentity, Credentials as SspiCredentials, ErrorKind, KdcResolution, KerberosConfig,
    NegotiateConfig, Username,
    credssp::{ClientMode, ClientState, CredSspClient, CredSspMode, NStatusCode, TsRequest},
    generator::GeneratorState,
    ntlm::NtlmConfig,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use super::{AUTHORIZATION_SUCCESS, kdc, read_ts_request, write_ts_request};
use crate::error::SignInFailure;

/// Where Kerberos tickets come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KerberosOptions {
    /// `host`, `host:port`, or with `tcp://` or `udp://` in front; `None` reads the system's
    /// Kerberos configuration.
    pub kdc: Option<String>,
}

/// What a client needs to sign in.
#[derive(Clone, Copy, Debug)]
pub struct ClientSignIn<'a> {
    /// Who signs in.
    pub credentials: &'a Credentials,
    /// The server's name, for its service principal name.
    pub server_name: &'a str,
    /// This machine's name, as the server's log will show it.
    pub client_name: &'a str,
    /// The `SubjectPublicKey` of the certificate that TLS saw.
    pub server_public_key: &'a [u8],
    /// The server picked `PROTOCOL_HYBRID_EX` and will send its authorization result.
    pub expects_authorization_result: bool,
    /// Offer Kerberos, through SPNEGO, with NTLM to fall back on.
    pub kerberos: Option<&'a KerberosOptions>,
}

/// Signs in. When this returns, the server knows the credentials and the next bytes on the stream
/// are RDP again.
///
/// # Errors
/// Every failure of the sign-in, the server's own status code told apart. The credentials were not
/// sent unless the server proved that it holds the key of its certificate.
pub async fn authenticate<S>(
    stream: &mut S,
    sign_in: &ClientSignIn<'_>,
) -> Result<(), SignInFailure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut client = machine(sign_in)?;
    let mut incoming = TsRequest::default();
    loop {
        match step(&mut client, incoming).await? {
            ClientState::ReplyNeeded(reply) => {
                write_ts_request(stream, &reply).await.map_err(hung_up)?;
                incoming = read_ts_request(stream).await.map_err(hung_up)?;
            }
            ClientState::FinalMessage(last) => {
                write_ts_request(stream, &last).await.map_err(hung_up)?;
                break;
            }
        }
    }
    if sign_in.expects_authorization_result {
        match stream.read_u32_le().await.map_err(hung_up)? {
            AUTHORIZATION_SUCCESS => {}
            // AUTHZ_ACCESS_DENIED, and whatever else is not a yes.
            _ => {
                return Err(SignInFailure::NotPermitted(
                    "the server's administrator has not allowed it".to_owned(),
                ));
            }
        }
    }
    Ok(())
}

fn machine(sign_in: &ClientSignIn<'_>) -> Result<CredSspClient, SignInFailure> {
    let Credentials {
        user,
        domain,
        password,
    } = sign_in.credentials;
    if user.is_empty() || password.is_empty() {
        return Err(SignInFailure::NoCredentials);
    }
    let username = if domain.is_empty() {
        Username::parse(user)
    } else {
        Username::new(user, Some(domain))
    }
    .map_err(|error| SignInFailure::Exchange(format!("user name {user:?}: {error}")))?;
    let identity = AuthIdentity {
        username,
        password: password.expose().to_owned().into(),
    };

    let mode = match sign_in.kerberos {
        // NTLM without SPNEGO around it, as Microsoft's client sends it where there is no
        // Kerberos: every server takes it, while some do not know SPNEGO.
        None => ClientMode::Ntlm(NtlmConfig::new(sign_in.client_name.to_owned())),
        Some(kerberos) => ClientMode::Negotiate(NegotiateConfig::new(
            Box::new(KerberosConfig {
                kdc_resolution: KdcResolution::KdcUrl(
                    kerberos.kdc.as_deref().map(kdc::url).transpose()?,
                ),
                client_computer_name: sign_in.client_name.to_owned(),
            }),
            None,
            sign_in.client_name.to_owned(),
        )),
    };
    CredSspClient::new(
        sign_in.server_public_key.to_vec(),
        SspiCredentials::AuthIdentity(identity),
        CredSspMode::WithCredentials,
        mode,
        format!("TERMSRV/{}", sign_in.server_name),
    )
    .map_err(failure)
}

async fn step(
    client: &mut CredSspClient,
    incoming: TsRequest,
) -> Result<ClientState, SignInFailure> {
    let mut generator = client.process(incoming);
    let mut state = generator.start();
    loop {
        match state {
            GeneratorState::Suspended(request) => {
                state = generator.resume(kdc::send(&request).await);
            }
            GeneratorState::Completed(outcome) => return outcome.map_err(failure),
        }
    }
}

/// A server that closes the stream in the middle of the exchange has, as a rule, just found the
/// password wrong: only version 3 and up have a field to say so.
fn hung_up(error: io::Error) -> SignInFailure {
    match error.kind() {
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe => SignInFailure::HungUp,
        io::ErrorKind::InvalidData => SignInFailure::Exchange(error.to_string()),
        _ => SignInFailure::Io(error),
    }
}

fn failure(error: sspi::Error) -> SignInFailure {
    if let Some(status) = error.nstatus {
        return from_status(status);
    }
    match error.error_type {
        ErrorKind::LogonDenied | ErrorKind::UnknownCredentials => SignInFailure::WrongPassword,
        // Of what `sspi` reports, only a key that does not match is an altered message.
        ErrorKind::MessageAltered => SignInFailure::ServerNotProven(error.description),
        ErrorKind::NoAuthenticatingAuthority | ErrorKind::TimeSkew => {
            SignInFailure::Kerberos(error.description)
        }
        ErrorKind::NoCredentials => SignInFailure::NoCredentials,
        _ => SignInFailure::Exchange(error.description),
    }
}

/// `SEC_E_LOGON_DENIED`, which some servers send in place of an `NTSTATUS`.
const SEC_E_LOGON_DENIED: u32 = 0x8009_030c;

fn from_status(status: NStatusCode) -> SignInFailure {
    let name = || {
        status
            .name()
            .map_or_else(|| "unknown status".to_owned(), str::to_owned)
    };
    match status {
        NStatusCode::LOGON_FAILURE
        | NStatusCode::WRONG_PASSWORD
        | NStatusCode::NO_SUCH_USER
        | NStatusCode::ILL_FORMED_PASSWORD
        | NStatusCode::INVALID_ACCOUNT_NAME => SignInFailure::WrongPassword,
        NStatusCode(SEC_E_LOGON_DENIED) => SignInFailure::WrongPassword,
        NStatusCode::ACCOUNT_LOCKED_OUT => SignInFailure::AccountLocked,
        NStatusCode::ACCOUNT_DISABLED => SignInFailure::AccountDisabled,
        // STATUS_ACCOUNT_EXPIRED has no constant in `sspi`.
        NStatusCode(0xc000_0193) => SignInFailure::AccountDisabled,
        NStatusCode::PASSWORD_EXPIRED | NStatusCode::PASSWORD_MUST_CHANGE => {
            SignInFailure::PasswordExpired
        }
        NStatusCode::ACCOUNT_RESTRICTION
        | NStatusCode::INVALID_LOGON_HOURS
        | NStatusCode::INVALID_WORKSTATION
        | NStatusCode::LOGON_NOT_GRANTED
        | NStatusCode::LOGON_TYPE_NOT_GRANTED
        | NStatusCode::CTX_LOGON_DISABLED => SignInFailure::NotPermitted(name()),
        NStatusCode::NO_LOGON_SERVERS | NStatusCode::TIME_DIFFERENCE_AT_DC => {
            SignInFailure::Kerberos(name())
        }
        NStatusCode(code) => SignInFailure::Status { code, name: name() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_that_a_person_can_act_upon_are_told_apart() {
        let status = |code| from_status(NStatusCode(code));
        assert!(matches!(status(0xc000_006d), SignInFailure::WrongPassword));
        assert!(matches!(status(0xc000_0234), SignInFailure::AccountLocked));
        assert!(matches!(
            status(0xc000_0072),
            SignInFailure::AccountDisabled
        ));
        assert!(matches!(
            status(0xc000_0071),
            SignInFailure::PasswordExpired
        ));
        assert!(matches!(
            status(0xc000_0224),
            SignInFailure::PasswordExpired
        ));
        assert!(matches!(
            status(0xc000_015b),
            SignInFailure::NotPermitted(_)
        ));
        let other = status(0xc000_1234).to_string();
        assert!(other.contains("0xc0001234"), "{other}");
    }

    #[test]
    fn signing_in_without_a_name_or_a_password_fails_before_anything_is_sent() {
        let credentials = Credentials::default();
        let sign_in = ClientSignIn {
            credentials: &credentials,
            server_name: "host",
            client_name: "oriel",
            server_public_key: &[],
            expects_authorization_result: false,
            kerberos: None,
        };
        assert!(matches!(
            machine(&sign_in),
            Err(SignInFailure::NoCredentials)
        ));
    }
}
