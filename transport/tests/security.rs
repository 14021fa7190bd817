//! TLS and CredSSP, both of our sides against each other over a pipe in memory.

use oriel_protocol::secret::{Credentials, Secret};
use oriel_transport::{
    CertificatePolicy, ConnectError, Fingerprint, SignInFailure, Trust,
    credssp::{AcceptError, CREDSSP_VERSION, ClientSignIn, ServerSignIn, accept, authenticate},
    known_hosts::KnownHosts,
    tls::{self, SecuredStream, ServerIdentity, TrustSettings},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

fn identity() -> ServerIdentity {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["host".to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(key.serialize_der());
    ServerIdentity::new(certificate.der().clone(), key.into()).unwrap()
}

fn credentials(user: &str, password: &str) -> Credentials {
    Credentials {
        user: user.into(),
        domain: String::new(),
        password: Secret::new(password),
    }
}

async fn handshake(
    identity: &ServerIdentity,
    trust: &TrustSettings,
) -> Result<SecuredStream<DuplexStream>, ConnectError> {
    let (near, far) = duplex(64 * 1024);
    let client = tls::connect(near, "host", 3389, trust);
    // The server's outcome is left alone: a client that refuses hangs up on it.
    tokio::join!(client, identity.accept(far)).0
}

fn policy(policy: CertificatePolicy) -> TrustSettings {
    TrustSettings {
        policy,
        known_hosts: None,
    }
}

#[tokio::test]
async fn a_strange_certificate_is_pinned_once_known_ever_after_and_refused_when_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("known_hosts");
    let trust = TrustSettings {
        policy: CertificatePolicy::TrustOnFirstUse,
        known_hosts: Some(path.clone()),
    };
    let (first, second) = (identity(), identity());

    let report = handshake(&first, &trust).await.unwrap().report;
    assert_eq!(report.trust, Trust::PinnedNow);
    assert!(report.platform_objection.is_some());
    assert_eq!(report.version, "TLSv1_3");
    assert_eq!(
        handshake(&first, &trust).await.unwrap().report.trust,
        Trust::Known
    );

    match handshake(&second, &trust).await {
        Err(ConnectError::CertificateChanged {
            known,
            presented,
            host,
            known_hosts,
        }) => {
            assert_eq!(known, first.fingerprint());
            assert_eq!(presented, second.fingerprint());
            assert_eq!(
                (host.as_str(), known_hosts),
                ("host:3389", Some(path.clone()))
            );
        }
        other => panic!("{other:?}"),
    }
    let pinned = KnownHosts::new(path).find("host", 3389).unwrap();
    assert_eq!(
        pinned,
        Some(first.fingerprint()),
        "a refused certificate replaces no pin"
    );
}

#[tokio::test]
async fn strict_refuses_what_the_platform_does_not_trust() {
    let refused = handshake(&identity(), &policy(CertificatePolicy::Strict)).await;
    assert!(
        matches!(refused, Err(ConnectError::CertificateUntrusted { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_wanted_fingerprint_lets_only_its_certificate_in() {
    let server = identity();
    let right = policy(CertificatePolicy::Sha256(server.fingerprint()));
    assert_eq!(
        handshake(&server, &right).await.unwrap().report.trust,
        Trust::Fingerprint
    );
    let wrong = policy(CertificatePolicy::Sha256(Fingerprint::of(b"other")));
    let refused = handshake(&server, &wrong).await;
    assert!(
        matches!(refused, Err(ConnectError::CertificateChanged { .. })),
        "{refused:?}"
    );
}

/// One sign-in; `key` is what the client believes to be the server's key.
async fn sign_in(
    given: Credentials,
    version: u32,
    early_authorization: bool,
    key: &[u8],
) -> (
    Result<(), SignInFailure>,
    Result<Credentials, AcceptError>,
    Option<u8>,
) {
    let wanted = credentials("Ada", "correct horse");
    let (mut near, mut far) = duplex(64 * 1024);
    let client = async {
        let sign_in = ClientSignIn {
            credentials: &given,
            server_name: "host",
            client_name: "oriel",
            server_public_key: key,
            expects_authorization_result: early_authorization,
            kerberos: None,
        };
        let outcome = authenticate(&mut near, &sign_in).await;
        // What follows belongs to RDP: not one byte of it may have been taken.
        let next = if outcome.is_ok() {
            Some(near.read_u8().await.unwrap())
        } else {
            None
        };
        drop(near);
        (outcome, next)
    };
    let server = async {
        let sign_in = ServerSignIn {
            credentials: &wanted,
            server_name: "host",
            server_public_key: b"the key",
            sends_authorization_result: early_authorization,
            version,
        };
        let outcome = accept(&mut far, &sign_in).await;
        if outcome.is_ok() {
            far.write_all(b"!").await.unwrap();
        }
        drop(far);
        outcome
    };
    let ((outcome, next), accepted) = tokio::join!(client, server);
    (outcome, accepted, next)
}

#[tokio::test]
async fn the_right_password_signs_in_with_every_version_of_the_exchange() {
    for version in 2..=CREDSSP_VERSION {
        for early_authorization in [false, true] {
            let given = credentials("ada", "correct horse");
            let (outcome, accepted, next) =
                sign_in(given, version, early_authorization, b"the key").await;
            outcome.unwrap_or_else(|error| panic!("version {version}: {error}"));
            let accepted = accepted.unwrap();
            assert_eq!(accepted.user, "ada");
            assert_eq!(accepted.password.expose(), "correct horse");
            assert_eq!(next, Some(b'!'));
        }
    }
}

#[tokio::test]
async fn a_wrong_password_and_a_wrong_user_are_told_as_such() {
    for given in [
        credentials("ada", "wrong"),
        credentials("eve", "correct horse"),
    ] {
        let (outcome, accepted, _) = sign_in(given, CREDSSP_VERSION, false, b"the key").await;
        assert!(
            matches!(outcome, Err(SignInFailure::WrongPassword)),
            "{outcome:?}"
        );
        assert!(
            matches!(accepted, Err(AcceptError::Denied(_))),
            "{accepted:?}"
        );
    }
}

#[tokio::test]
async fn somebody_in_between_never_gets_the_credentials() {
    for version in 2..=CREDSSP_VERSION {
        let given = credentials("ada", "correct horse");
        let (outcome, accepted, _) = sign_in(given, version, false, b"another key").await;
        assert!(outcome.is_err() && accepted.is_err(), "version {version}");
    }
}

#[tokio::test]
async fn a_server_that_hangs_up_in_the_middle_is_told_as_such() {
    let (mut near, far) = duplex(1024);
    drop(far);
    let credentials = credentials("ada", "x");
    let sign_in = ClientSignIn {
        credentials: &credentials,
        server_name: "host",
        client_name: "oriel",
        server_public_key: b"the key",
        expects_authorization_result: false,
        kerberos: None,
    };
    let outcome = authenticate(&mut near, &sign_in).await;
    assert!(matches!(outcome, Err(SignInFailure::HungUp)), "{outcome:?}");
}
