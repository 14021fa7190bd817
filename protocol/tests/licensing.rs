//! Licensing: the dumps of `[MS-RDPELE]` section 4, and the whole long form against a server that
//! follows the specification's formulas.

mod support;

use num_bigint::BigUint;
use oriel_protocol::{
    licensing::{
        ErrorAlert, HardwareId, LicenseErrorCode, LicenseKeys, LicenseRequest, LicensingClient,
        LicensingPdu, LicensingProgress, NewLicense, PlatformChallenge, PlatformResponseData,
        ProductInfo, RsaPublicKey, StateTransition,
    },
    wire::{Cursor, Pdu},
};
use proptest::prelude::*;

fn vector(name: &str) -> Option<Vec<u8>> {
    support::vector("licensing", name)
}

fn decode(bytes: &[u8]) -> LicensingPdu {
    let mut cursor = Cursor::new(bytes, "test");
    let pdu = LicensingPdu::decode(&mut cursor).expect("decodes");
    assert!(cursor.is_empty(), "{} bytes are left", cursor.left());
    pdu
}

#[test]
fn the_servers_request_names_product_issuer_and_key() {
    let Some(bytes) = vector("rdpele_4.1_server-license-request-server-license-request.bin") else {
        return;
    };
    let pdu = decode(&bytes);
    let LicensingPdu::LicenseRequest(request) = &pdu else {
        panic!("{}", pdu.name());
    };
    assert_eq!(request.server_random[..4], [0x84, 0xef, 0xae, 0x20]);
    assert_eq!(
        request.product,
        ProductInfo {
            version: 0x0006_0000,
            company: "Microsoft Corporation".to_owned(),
            product: "A02".to_owned(),
        }
    );
    assert_eq!(request.key_exchanges, [1]);
    assert_eq!(request.certificate.len(), 0x0812);
    assert_eq!(request.scopes, ["microsoft.com"]);
    assert_eq!(pdu.to_vec(), bytes);

    let key = RsaPublicKey::from_certificate(&request.certificate).expect("a key");
    assert_eq!(
        key.encrypt(&[1; 48]).len(),
        256 + 8,
        "as long as the secret in the answer of 4.2"
    );
}

#[test]
fn the_clients_request_names_user_and_machine() {
    let Some(bytes) = vector("rdpele_4.2_client-new-license-request-client-new-license-re.bin")
    else {
        return;
    };
    let pdu = decode(&bytes);
    let LicensingPdu::NewLicenseRequest(request) = &pdu else {
        panic!("{}", pdu.name());
    };
    assert_eq!(request.platform_id, 0x0401_0000);
    assert_eq!(request.client_random[..4], [0xdc, 0x73, 0xa0, 0xc8]);
    assert_eq!(request.encrypted_premaster.len(), 264);
    assert_eq!(request.user_name, "Administrator");
    assert_eq!(request.machine_name, "RODENT");
    assert_eq!(pdu.to_vec(), bytes);
}

#[test]
fn the_clients_licence_comes_with_its_hardware_id() {
    let Some(bytes) = vector("rdpele_4.3_client-license-information-client-license-info.bin")
    else {
        return;
    };
    let pdu = decode(&bytes);
    let LicensingPdu::LicenseInfo(info) = &pdu else {
        panic!("{}", pdu.name());
    };
    assert_eq!(info.platform_id, 0x0401_0000);
    assert_eq!(info.encrypted_premaster.len(), 264);
    assert_eq!(info.encrypted_hardware_id.len(), 20);
    assert_eq!(pdu.to_vec(), bytes);
}

#[test]
fn challenge_and_response_are_as_annotated() {
    let Some(bytes) = vector("rdpele_4.4_server-platform-challenge-server-platform-challe_1.bin")
    else {
        return;
    };
    let pdu = decode(&bytes);
    let LicensingPdu::PlatformChallenge(challenge) = &pdu else {
        panic!("{}", pdu.name());
    };
    assert_eq!(
        challenge.encrypted_challenge,
        [0x46, 0x37, 0x85, 0x54, 0x8e, 0xc5, 0x91, 0x34, 0x97, 0x5d]
    );
    assert_eq!(challenge.mac[..4], [0x78, 0x94, 0xad, 0x3b]);
    // The dump has random bytes where the specification says "reserved" and "ignored": connect
    // flags and type of the blob.
    let mut expected = bytes.clone();
    expected[4..8].fill(0);
    expected[8..10].copy_from_slice(&[9, 0]);
    assert_eq!(pdu.to_vec(), expected);

    let plain = vector("rdpele_4.4_server-platform-challenge-server-platform-challe_2.bin")
        .expect("beside the other");
    let bytes = vector("rdpele_4.5_client-platform-challenge-response-client-platfo.bin")
        .expect("beside the other");
    let pdu = decode(&bytes);
    let LicensingPdu::PlatformChallengeResponse(response) = &pdu else {
        panic!("{}", pdu.name());
    };
    assert_eq!(pdu.to_vec(), bytes);
    // Both fields are encrypted by the same key stream from its start: the known response gives
    // away the stream, and that the hardware id.
    let data = PlatformResponseData {
        client_type: 0x0100,
        detail_level: 3,
        challenge: plain,
    };
    let data = data.to_vec();
    assert_eq!(data.len(), response.encrypted_response.len());
    let stream = data
        .iter()
        .zip(&response.encrypted_response)
        .map(|(a, b)| a ^ b);
    let id: Vec<u8> = stream
        .zip(&response.encrypted_hardware_id)
        .map(|(a, b)| a ^ b)
        .chain([0, 0])
        .collect();
    let id = HardwareId::decode(&mut Cursor::new(&id, "test")).expect("decodes");
    assert_eq!(id.platform_id, 2);
    assert_eq!(
        id.data[..14],
        [
            0xf1, 0x59, 0x87, 0x3e, 0xc9, 0xd8, 0x98, 0xaf, 0x24, 0x02, 0xf8, 0xf3, 0x29, 0x3a
        ]
    );
}

#[test]
fn licences_keep_their_bytes() {
    let Some(bytes) = vector("rdpele_4.6_server-new-license-server-new-license.bin") else {
        return;
    };
    let pdu = decode(&bytes);
    let LicensingPdu::NewLicense(license) = &pdu else {
        panic!("{}", pdu.name());
    };
    assert_eq!(license.encrypted_license.len(), 0x07ef);
    assert_eq!(license.mac[12..], [0x16, 0xfa, 0xcb, 0x1f]);
    assert_eq!(pdu.to_vec(), bytes);

    let bytes = vector("rdpele_4.7_server-upgrade-license-server-upgrade-license.bin")
        .expect("beside the other");
    // The preamble says 0x1b95 bytes, the dump has one more.
    let length = usize::from(u16::from_le_bytes([bytes[2], bytes[3]]));
    let pdu = decode(&bytes[..length]);
    assert!(matches!(pdu, LicensingPdu::UpgradeLicense(_)));
    assert_eq!(pdu.to_vec(), bytes[..length]);
}

/// A key of 512 bits, made for this test.
const MODULUS: &str = "d7109fcbc000ec442b054c45297cc75df38c6f4d0b5f12356dcd07fb60218629\
    219c3bfdd460a9776222f4fdf7da04ab4e95df8e3e7bf801788e56bc194bbc91";
const PRIVATE_EXPONENT: &str = "74c8ee3d32324e1a6652262c986ecdc452f0bbafd6b0f5ae55c5b4c3e85bcc01\
    a2b0cb8cd034232654caeb19c0b95cd98ae805bd4dd9cea2455b45f46c162001";

fn number(hex: &str) -> BigUint {
    BigUint::parse_bytes(hex.as_bytes(), 16).expect("a number")
}

fn request() -> LicenseRequest {
    let mut certificate = vec![1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 6, 0, 92, 0];
    certificate.extend(*b"RSA1");
    for field in [72, 512, 63, 65537u32] {
        certificate.extend(field.to_le_bytes());
    }
    certificate.extend(number(MODULUS).to_bytes_le());
    certificate.extend([0; 8]);
    LicenseRequest {
        server_random: [0x5a; 32],
        product: ProductInfo::default(),
        key_exchanges: vec![1],
        certificate,
        scopes: vec!["microsoft.com".to_owned()],
    }
}

fn client() -> LicensingClient {
    LicensingClient::new("user", "machine", [3; 32])
}

/// The keys that a server derives from the client's answer to [`request`].
fn server_keys(client: &mut LicensingClient) -> LicenseKeys {
    let reply = client.handle(&LicensingPdu::LicenseRequest(request()));
    let LicensingProgress::Reply(LicensingPdu::NewLicenseRequest(reply)) = reply else {
        panic!("{reply:?}");
    };
    assert_eq!(
        (reply.user_name.as_str(), reply.machine_name.as_str()),
        ("user", "machine")
    );
    assert_eq!(reply.encrypted_premaster.len(), 64 + 8);
    let mut premaster = BigUint::from_bytes_le(&reply.encrypted_premaster)
        .modpow(&number(PRIVATE_EXPONENT), &number(MODULUS))
        .to_bytes_le();
    premaster.resize(48, 0);
    let premaster = premaster.try_into().expect("48 bytes");
    LicenseKeys::derive(&premaster, &reply.client_random, &request().server_random)
}

fn challenge(keys: &LicenseKeys, plain: &[u8]) -> LicensingPdu {
    LicensingPdu::PlatformChallenge(PlatformChallenge {
        encrypted_challenge: keys.crypt(plain),
        mac: keys.mac(plain),
    })
}

#[test]
fn a_client_gets_its_licence() {
    let mut client = client();
    let keys = server_keys(&mut client);
    let reply = client.handle(&challenge(&keys, b"T\0E\0S\0T\0\0\0"));
    let LicensingProgress::Reply(LicensingPdu::PlatformChallengeResponse(response)) = reply else {
        panic!("{reply:?}");
    };
    let data = keys.crypt(&response.encrypted_response);
    let id = keys.crypt(&response.encrypted_hardware_id);
    assert_eq!(response.mac, keys.mac(&[data.clone(), id.clone()].concat()));
    let data = PlatformResponseData::decode(&mut Cursor::new(&data, "test")).expect("decodes");
    assert_eq!(data.challenge, b"T\0E\0S\0T\0\0\0");
    assert_eq!(data.detail_level, PlatformResponseData::FULL_DETAIL);
    assert!(HardwareId::decode(&mut Cursor::new(&id, "test")).is_ok());

    let license = LicensingPdu::NewLicense(NewLicense {
        encrypted_license: keys.crypt(b"a licence"),
        mac: keys.mac(b"a licence"),
    });
    assert_eq!(client.handle(&license), LicensingProgress::Done);
}

#[test]
fn what_was_changed_on_its_way_ends_licensing() {
    let mut client = client();
    let keys = server_keys(&mut client);
    let changed = LicensingPdu::PlatformChallenge(PlatformChallenge {
        encrypted_challenge: keys.crypt(b"changed"),
        mac: keys.mac(b"genuine"),
    });
    let LicensingProgress::Refused { alert, code, .. } = client.handle(&changed) else {
        panic!("refused");
    };
    assert_eq!(code, LicenseErrorCode::INVALID_MAC);
    assert!(matches!(alert, Some(LicensingPdu::ErrorAlert(_))));
}

#[test]
fn a_certificate_without_a_key_ends_licensing() {
    let mut request = request();
    request.certificate.clear();
    let progress = client().handle(&LicensingPdu::LicenseRequest(request));
    assert!(matches!(
        progress,
        LicensingProgress::Refused {
            code: LicenseErrorCode::INVALID_SERVER_CERTIFICATE,
            transition: StateTransition::TOTAL_ABORT,
            ..
        }
    ));
}

#[test]
fn alerts_end_repeat_or_restart_licensing() {
    let mut client = client();
    let keys = server_keys(&mut client);
    let alert = |code, transition| {
        LicensingPdu::ErrorAlert(ErrorAlert {
            code,
            transition,
            info: Vec::new(),
        })
    };
    let again = alert(
        LicenseErrorCode::INVALID_MAC,
        StateTransition::RESEND_LAST_MESSAGE,
    );
    for _ in 0..3 {
        assert!(matches!(
            client.handle(&again),
            LicensingProgress::Reply(LicensingPdu::NewLicenseRequest(_))
        ));
    }
    assert!(
        matches!(client.handle(&again), LicensingProgress::Refused { .. }),
        "not for ever"
    );
    let reset = alert(
        LicenseErrorCode::INVALID_MAC,
        StateTransition::RESET_PHASE_TO_START,
    );
    assert_eq!(client.handle(&reset), LicensingProgress::Wait);
    assert!(matches!(
        client.handle(&challenge(&keys, b"too late")),
        LicensingProgress::Unexpected(_)
    ));
    let none_left = alert(
        LicenseErrorCode::NO_LICENSE_SERVER,
        StateTransition::TOTAL_ABORT,
    );
    assert_eq!(
        client.handle(&none_left),
        LicensingProgress::Refused {
            alert: None,
            code: LicenseErrorCode::NO_LICENSE_SERVER,
            transition: StateTransition::TOTAL_ABORT,
        }
    );
    let fine = LicensingPdu::ErrorAlert(ErrorAlert::VALID_CLIENT);
    assert_eq!(client.handle(&fine), LicensingProgress::Done);
}

proptest! {
    #[test]
    fn random_messages_do_not_panic(
        kind in prop_oneof![Just(1u8), Just(2), Just(3), Just(4), Just(0x12), Just(0x13), Just(0x15), Just(0xff)],
        body in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut bytes = vec![kind, 3];
        bytes.extend((body.len() as u16 + 4).to_le_bytes());
        bytes.extend(body);
        if let Ok(pdu) = LicensingPdu::decode(&mut Cursor::new(&bytes, "test")) {
            let again = LicensingPdu::decode(&mut Cursor::new(&pdu.to_vec(), "test"));
            prop_assert_eq!(again.as_ref(), Ok(&pdu));
            let mut client = client();
            client.handle(&pdu);
            server_keys(&mut client);
            client.handle(&pdu);
        }
    }
}
