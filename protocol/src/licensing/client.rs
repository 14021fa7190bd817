//! The client's part in licensing (`[MS-RDPELE] 3.3`).

use super::{
    ErrorAlert, HardwareId, LicenseErrorCode, LicenseKeys, LicenseRequest, LicensingPdu,
    NewLicense, NewLicenseRequest, PlatformChallenge, PlatformChallengeResponse,
    PlatformResponseData, RsaPublicKey, StateTransition,
    keys::{self, PREMASTER_BYTES},
};
use crate::wire::Pdu;

/// `CLIENT_OS_ID_WINNT_POST_52` and `CLIENT_IMAGE_ID_MICROSOFT`: licence servers hand out licences
/// by it, and know no other clients.
const PLATFORM_ID: u32 = 0x0401_0000;

/// How often a server may ask for the last message again.
const MAX_REPETITIONS: u8 = 3;

/// What follows from a message of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LicensingProgress {
    /// Send this.
    Reply(LicensingPdu),
    /// Wait for the server.
    Wait,
    /// Licensing is over, the connection goes on.
    Done,
    /// There is no licence: send the alert, if any, and end the connection.
    Refused {
        /// To be sent before the end.
        alert: Option<LicensingPdu>,
        /// Why.
        code: LicenseErrorCode,
        /// What the server, or this client, says to it.
        transition: StateTransition,
    },
    /// The message does not belong here.
    Unexpected(&'static str),
}

/// Answers a server that hands out licences.
#[derive(Debug)]
pub struct LicensingClient {
    user_name: String,
    machine_name: String,
    seed: [u8; 32],
    keys: Option<LicenseKeys>,
    last: Option<LicensingPdu>,
    repetitions: u8,
}

impl LicensingClient {
    /// A client for this user and machine. What must not repeat is drawn from `seed`.
    pub fn new(
        user_name: impl Into<String>,
        machine_name: impl Into<String>,
        seed: [u8; 32],
    ) -> Self {
        Self {
            user_name: user_name.into(),
            machine_name: machine_name.into(),
            seed,
            keys: None,
            last: None,
            repetitions: 0,
        }
    }

    /// Takes a message of the server.
    pub fn handle(&mut self, pdu: &LicensingPdu) -> LicensingProgress {
        match pdu {
            LicensingPdu::ErrorAlert(alert) => self.handle_alert(alert),
            LicensingPdu::LicenseRequest(request) => self.handle_request(request),
            LicensingPdu::PlatformChallenge(challenge) => self.handle_challenge(challenge),
            LicensingPdu::NewLicense(license) | LicensingPdu::UpgradeLicense(license) => {
                self.handle_license(license)
            }
            LicensingPdu::LicenseInfo(_)
            | LicensingPdu::NewLicenseRequest(_)
            | LicensingPdu::PlatformChallengeResponse(_) => {
                LicensingProgress::Unexpected(pdu.name())
            }
        }
    }

    fn handle_alert(&mut self, alert: &ErrorAlert) -> LicensingProgress {
        match alert.transition {
            StateTransition::NO_TRANSITION => LicensingProgress::Done,
            _ if alert.code == LicenseErrorCode::VALID_CLIENT => LicensingProgress::Done,
            StateTransition::RESET_PHASE_TO_START => {
                self.keys = None;
                self.last = None;
                LicensingProgress::Wait
            }
            StateTransition::RESEND_LAST_MESSAGE if self.repetitions < MAX_REPETITIONS => {
                self.repetitions += 1;
                self.last
                    .clone()
                    .map_or(LicensingProgress::Wait, LicensingProgress::Reply)
            }
            transition => LicensingProgress::Refused {
                alert: None,
                code: alert.code,
                transition,
            },
        }
    }

    fn handle_request(&mut self, request: &LicenseRequest) -> LicensingProgress {
        let Ok(key) = RsaPublicKey::from_certificate(&request.certificate) else {
            return refuse(LicenseErrorCode::INVALID_SERVER_CERTIFICATE);
        };
        let mut client_random = [0; 32];
        keys::expand_seed(&self.seed, "client random", &mut client_random);
        let mut premaster = [0; PREMASTER_BYTES];
        keys::expand_seed(&self.seed, "premaster secret", &mut premaster);
        let encrypted_premaster = key.encrypt(&premaster);
        self.keys = Some(LicenseKeys::derive(
            &premaster,
            &client_random,
            &request.server_random,
        ));
        self.reply(LicensingPdu::NewLicenseRequest(NewLicenseRequest {
            platform_id: PLATFORM_ID,
            client_random,
            encrypted_premaster,
            user_name: self.user_name.clone(),
            machine_name: self.machine_name.clone(),
        }))
    }

    fn handle_challenge(&mut self, challenge: &PlatformChallenge) -> LicensingProgress {
        let Some(keys) = &self.keys else {
            return LicensingProgress::Unexpected("platform challenge");
        };
        let plain = keys.crypt(&challenge.encrypted_challenge);
        if keys.mac(&plain) != challenge.mac {
            return refuse(LicenseErrorCode::INVALID_MAC);
        }
        let response = PlatformResponseData {
            client_type: PlatformResponseData::OTHER,
            detail_level: PlatformResponseData::FULL_DETAIL,
            challenge: plain,
        }
        .to_vec();
        let hardware_id = HardwareId {
            platform_id: PLATFORM_ID,
            data: keys::machine_digest(&self.machine_name),
        }
        .to_vec();
        let answer = PlatformChallengeResponse {
            encrypted_response: keys.crypt(&response),
            encrypted_hardware_id: keys.crypt(&hardware_id),
            mac: keys.mac(&[response, hardware_id].concat()),
        };
        self.reply(LicensingPdu::PlatformChallengeResponse(answer))
    }

    fn handle_license(&mut self, license: &NewLicense) -> LicensingProgress {
        let Some(keys) = &self.keys else {
            return LicensingProgress::Unexpected("new license");
        };
        if keys.mac(&keys.crypt(&license.encrypted_license)) != license.mac {
            return refuse(LicenseErrorCode::INVALID_MAC);
        }
        LicensingProgress::Done
    }

    fn reply(&mut self, pdu: LicensingPdu) -> LicensingProgress {
        self.last = Some(pdu.clone());
        LicensingProgress::Reply(pdu)
    }
}

/// Ends licensing from this side.
fn refuse(code: LicenseErrorCode) -> LicensingProgress {
    LicensingProgress::Refused {
        alert: Some(LicensingPdu::ErrorAlert(ErrorAlert::abort(code))),
        code,
        transition: StateTransition::TOTAL_ABORT,
    }
}
