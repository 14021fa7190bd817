//! Measuring the link (`[MS-RDPBCGR] 2.2.14`): requests of the server, answers of the client.
//!
//! Each follows a security header with [`crate::security::SecurityFlags::AUTODETECT_REQ`] or
//! [`crate::security::SecurityFlags::AUTODETECT_RSP`] on the message channel. [`BandwidthMeter`]
//! and [`answer`] are all that a client needs.

use std::time::Instant;

use crate::wire::{Cursor, DecodeError, DecodeResult, Pdu, WriteWire};

/// `TYPE_ID_AUTODETECT_REQUEST`.
const REQUEST: u8 = 0;
/// `TYPE_ID_AUTODETECT_RESPONSE`.
const RESPONSE: u8 = 1;
/// Header: own length, kind, sequence number, type.
const HEADER_BYTES: u8 = 1 + 1 + 2 + 2;

/// When a measurement happens, and over what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// While connecting.
    ConnectTime,
    /// In the running session, or over a reliable UDP transport.
    Continuous,
    /// Over a lossy UDP transport.
    Lossy,
}

/// What a server asks or tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AutodetectRequestKind {
    /// Answer at once (`RDP_RTT_REQUEST`).
    Rtt(Phase),
    /// Start counting bytes (`RDP_BW_START`).
    BandwidthStart(Phase),
    /// Bytes to be counted (`RDP_BW_PAYLOAD`); their number.
    BandwidthPayload(Vec<u8>),
    /// Stop counting and tell (`RDP_BW_STOP`); while connecting it has a payload, too.
    BandwidthStop(Phase, Vec<u8>),
    /// What was found (`RDP_NETCHAR_RESULTS`).
    NetworkCharacteristics {
        /// Lowest round trip.
        base_rtt_ms: Option<u32>,
        /// Bandwidth in kilobits a second.
        bandwidth_kbps: Option<u32>,
        /// Average round trip.
        average_rtt_ms: u32,
    },
    /// A type that the specification does not list.
    Unknown {
        /// `requestType`.
        kind: u16,
        /// What follows it.
        data: Vec<u8>,
    },
}

/// A request (`[MS-RDPBCGR] 2.2.14.1`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AutodetectRequest {
    /// To be repeated in the answer.
    pub sequence: u16,
    /// What is asked.
    pub kind: AutodetectRequestKind,
}

/// What a client answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AutodetectResponseKind {
    /// Here I am (`RDP_RTT_RESPONSE`).
    Rtt,
    /// What was counted (`RDP_BW_RESULTS`).
    Bandwidth {
        /// While connecting or later; never [`Phase::Lossy`].
        phase: Phase,
        /// From start to stop.
        duration_ms: u32,
        /// Bytes in between.
        bytes: u32,
    },
    /// What was known from before (`RDP_NETCHAR_SYNC`).
    NetworkCharacteristicsSync {
        /// Bandwidth in kilobits a second.
        bandwidth_kbps: u32,
        /// Round trip.
        rtt_ms: u32,
    },
    /// A type that the specification does not list.
    Unknown {
        /// `responseType`.
        kind: u16,
        /// What follows it.
        data: Vec<u8>,
    },
}

/// An answer (`[MS-RDPBCGR] 2.2.14.2`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AutodetectResponse {
    /// The request's.
    pub sequence: u16,
    /// What is answered.
    pub kind: AutodetectResponseKind,
}

/// The header: the declared length delimits the fixed part, which payloads follow.
fn read_header<'a>(
    cursor: &mut Cursor<'a>,
    wanted: u8,
    context: &'static str,
) -> DecodeResult<(u16, u16, Cursor<'a>)> {
    cursor.set_context(context);
    let header_bytes = cursor.u8()?;
    let Some(rest) = header_bytes.checked_sub(HEADER_BYTES) else {
        return Err(DecodeError::invalid(context, "headerLength", header_bytes));
    };
    let kind = cursor.u8()?;
    if kind != wanted {
        return Err(DecodeError::invalid(context, "headerTypeId", kind));
    }
    let sequence = cursor.u16()?;
    let message = cursor.u16()?;
    let fields = cursor.sub(rest.into(), context)?;
    Ok((sequence, message, fields))
}

fn write_header(out: &mut Vec<u8>, fields_bytes: u8, kind: u8, sequence: u16, message: u16) {
    out.put_u8(HEADER_BYTES + fields_bytes);
    out.put_u8(kind);
    out.put_u16(sequence);
    out.put_u16(message);
}

impl Pdu for AutodetectRequest {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        let (sequence, message, mut fields) = read_header(cursor, REQUEST, "auto-detect request")?;
        let kind = match message {
            0x0001 => AutodetectRequestKind::Rtt(Phase::Continuous),
            0x1001 => AutodetectRequestKind::Rtt(Phase::ConnectTime),
            0x0014 => AutodetectRequestKind::BandwidthStart(Phase::Continuous),
            0x0114 => AutodetectRequestKind::BandwidthStart(Phase::Lossy),
            0x1014 => AutodetectRequestKind::BandwidthStart(Phase::ConnectTime),
            0x0002 => {
                let bytes = fields.u16()?;
                AutodetectRequestKind::BandwidthPayload(cursor.take(bytes.into())?.to_vec())
            }
            0x002b => {
                let bytes = fields.u16()?;
                AutodetectRequestKind::BandwidthStop(
                    Phase::ConnectTime,
                    cursor.take(bytes.into())?.to_vec(),
                )
            }
            0x0429 => AutodetectRequestKind::BandwidthStop(Phase::Continuous, Vec::new()),
            0x0629 => AutodetectRequestKind::BandwidthStop(Phase::Lossy, Vec::new()),
            0x0840 => AutodetectRequestKind::NetworkCharacteristics {
                base_rtt_ms: Some(fields.u32()?),
                bandwidth_kbps: None,
                average_rtt_ms: fields.u32()?,
            },
            0x0880 => AutodetectRequestKind::NetworkCharacteristics {
                base_rtt_ms: None,
                bandwidth_kbps: Some(fields.u32()?),
                average_rtt_ms: fields.u32()?,
            },
            0x08c0 => AutodetectRequestKind::NetworkCharacteristics {
                base_rtt_ms: Some(fields.u32()?),
                bandwidth_kbps: Some(fields.u32()?),
                average_rtt_ms: fields.u32()?,
            },
            kind => AutodetectRequestKind::Unknown {
                kind,
                data: fields.rest().to_vec(),
            },
        };
        Ok(Self { sequence, kind })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let sequence = self.sequence;
        match &self.kind {
            AutodetectRequestKind::Rtt(phase) => {
                let message = match phase {
                    Phase::ConnectTime => 0x1001,
                    Phase::Continuous | Phase::Lossy => 0x0001,
                };
                write_header(out, 0, REQUEST, sequence, message);
            }
            AutodetectRequestKind::BandwidthStart(phase) => {
                let message = match phase {
                    Phase::ConnectTime => 0x1014,
                    Phase::Continuous => 0x0014,
                    Phase::Lossy => 0x0114,
                };
                write_header(out, 0, REQUEST, sequence, message);
            }
            AutodetectRequestKind::BandwidthPayload(payload) => {
                write_payload(out, sequence, 0x0002, payload);
            }
            AutodetectRequestKind::BandwidthStop(Phase::ConnectTime, payload) => {
                write_payload(out, sequence, 0x002b, payload);
            }
            AutodetectRequestKind::BandwidthStop(phase, _) => {
                let message = match phase {
                    Phase::Lossy => 0x0629,
                    _ => 0x0429,
                };
                write_header(out, 0, REQUEST, sequence, message);
            }
            AutodetectRequestKind::NetworkCharacteristics {
                base_rtt_ms,
                bandwidth_kbps,
                average_rtt_ms,
            } => {
                let message = match (base_rtt_ms, bandwidth_kbps) {
                    (Some(_), Some(_)) => 0x08c0,
                    (None, Some(_)) => 0x0880,
                    _ => 0x0840,
                };
                let fields = [
                    // 0x0840 is the shortest form there is, and has a base.
                    base_rtt_ms.or(bandwidth_kbps.is_none().then_some(*average_rtt_ms)),
                    *bandwidth_kbps,
                    Some(*average_rtt_ms),
                ];
                let bytes = 4 * fields.iter().flatten().count() as u8;
                write_header(out, bytes, REQUEST, sequence, message);
                for field in fields.into_iter().flatten() {
                    out.put_u32(field);
                }
            }
            AutodetectRequestKind::Unknown { kind, data } => {
                let data = &data[..data.len().min(usize::from(u8::MAX - HEADER_BYTES))];
                write_header(out, data.len() as u8, REQUEST, sequence, *kind);
                out.put(data);
            }
        }
    }
}

fn write_payload(out: &mut Vec<u8>, sequence: u16, message: u16, payload: &[u8]) {
    let payload = &payload[..payload.len().min(usize::from(u16::MAX))];
    write_header(out, 2, REQUEST, sequence, message);
    out.put_u16(payload.len() as u16);
    out.put(payload);
}

impl Pdu for AutodetectResponse {
    fn decode(cursor: &mut Cursor<'_>) -> DecodeResult<Self> {
        let (sequence, message, mut fields) =
            read_header(cursor, RESPONSE, "auto-detect response")?;
        let kind = match message {
            0x0000 => AutodetectResponseKind::Rtt,
            0x0003 | 0x000b => AutodetectResponseKind::Bandwidth {
                phase: if message == 0x0003 {
                    Phase::ConnectTime
                } else {
                    Phase::Continuous
                },
                duration_ms: fields.u32()?,
                bytes: fields.u32()?,
            },
            0x0018 => AutodetectResponseKind::NetworkCharacteristicsSync {
                bandwidth_kbps: fields.u32()?,
                rtt_ms: fields.u32()?,
            },
            kind => AutodetectResponseKind::Unknown {
                kind,
                data: fields.rest().to_vec(),
            },
        };
        Ok(Self { sequence, kind })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let sequence = self.sequence;
        match &self.kind {
            AutodetectResponseKind::Rtt => write_header(out, 0, RESPONSE, sequence, 0x0000),
            AutodetectResponseKind::Bandwidth {
                phase,
                duration_ms,
                bytes,
            } => {
                let message = match phase {
                    Phase::ConnectTime => 0x0003,
                    Phase::Continuous | Phase::Lossy => 0x000b,
                };
                write_header(out, 8, RESPONSE, sequence, message);
                out.put_u32(*duration_ms);
                out.put_u32(*bytes);
            }
            AutodetectResponseKind::NetworkCharacteristicsSync {
                bandwidth_kbps,
                rtt_ms,
            } => {
                write_header(out, 8, RESPONSE, sequence, 0x0018);
                out.put_u32(*bandwidth_kbps);
                out.put_u32(*rtt_ms);
            }
            AutodetectResponseKind::Unknown { kind, data } => {
                let data = &data[..data.len().min(usize::from(u8::MAX - HEADER_BYTES))];
                write_header(out, data.len() as u8, RESPONSE, sequence, *kind);
                out.put(data);
            }
        }
    }
}

/// Counts bytes between a bandwidth measurement's start and stop, for a client.
#[derive(Clone, Debug, Default)]
pub struct BandwidthMeter {
    started: Option<Instant>,
    bytes: u32,
}

impl BandwidthMeter {
    /// Counts bytes of the stream; nothing happens while no measurement runs.
    pub fn count(&mut self, bytes: usize) {
        if self.started.is_some() {
            self.bytes = self
                .bytes
                .saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
        }
    }
}

/// What a client has to answer to a request that came at `now`; `None` where nothing.
///
/// While connecting, the payloads of the measurement are what is counted; in the running session
/// it is everything that the caller reports to `meter`.
pub fn answer(
    request: &AutodetectRequest,
    meter: &mut BandwidthMeter,
    now: Instant,
) -> Option<AutodetectResponse> {
    let kind = match &request.kind {
        AutodetectRequestKind::Rtt(_) => AutodetectResponseKind::Rtt,
        AutodetectRequestKind::BandwidthStart(_) => {
            *meter = BandwidthMeter {
                started: Some(now),
                bytes: 0,
            };
            return None;
        }
        AutodetectRequestKind::BandwidthPayload(payload) => {
            meter.count(payload.len());
            return None;
        }
        AutodetectRequestKind::BandwidthStop(phase, payload) => {
            meter.count(payload.len());
            let started = meter.started.take()?;
            let duration = now.saturating_duration_since(started).as_millis();
            AutodetectResponseKind::Bandwidth {
                phase: *phase,
                duration_ms: u32::try_from(duration).unwrap_or(u32::MAX),
                bytes: meter.bytes,
            }
        }
        AutodetectRequestKind::NetworkCharacteristics { .. }
        | AutodetectRequestKind::Unknown { .. } => return None,
    };
    Some(AutodetectResponse {
        sequence: request.sequence,
        kind,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_measurement_while_connecting_counts_its_payloads() {
        let start = Instant::now();
        let mut meter = BandwidthMeter::default();
        meter.count(1_000_000);
        let mut ask = |kind, after_ms| {
            let request = AutodetectRequest { sequence: 9, kind };
            answer(
                &request,
                &mut meter,
                start + Duration::from_millis(after_ms),
            )
        };
        let begin = AutodetectRequestKind::BandwidthStart(Phase::ConnectTime);
        assert_eq!(ask(begin, 0), None);
        let payload = AutodetectRequestKind::BandwidthPayload(vec![0; 1000]);
        assert_eq!(ask(payload, 10), None);
        let stop = AutodetectRequestKind::BandwidthStop(Phase::ConnectTime, vec![0; 24]);
        assert_eq!(
            ask(stop.clone(), 25),
            Some(AutodetectResponse {
                sequence: 9,
                kind: AutodetectResponseKind::Bandwidth {
                    phase: Phase::ConnectTime,
                    duration_ms: 25,
                    bytes: 1024,
                },
            })
        );
        assert_eq!(ask(stop, 30), None, "a stop without a start says nothing");
    }

    #[test]
    fn a_round_trip_request_is_answered_under_its_number() {
        let request = AutodetectRequest {
            sequence: 0x1234,
            kind: AutodetectRequestKind::Rtt(Phase::Continuous),
        };
        let response = answer(&request, &mut BandwidthMeter::default(), Instant::now());
        let bytes = response.unwrap().to_vec();
        assert_eq!(bytes, [6, 1, 0x34, 0x12, 0, 0]);
    }

    #[test]
    fn a_header_length_that_lies_is_refused() {
        for bytes in [[5, 0, 0, 0, 1, 0], [7, 0, 0, 0, 1, 0], [6, 1, 0, 0, 1, 0]] {
            assert!(AutodetectRequest::decode(&mut Cursor::new(&bytes, "test")).is_err());
        }
    }
}
