//! The client's end of the graphics pipeline.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use bytes::Bytes;
use oriel_codecs::{bulk::zgfx::Decompressor, geometry::Size};
use tracing::{debug, warn};

use crate::{
    client::GraphicsSupport,
    graphics::{
        CacheSlot, CapabilitySet, FrameId, FrameReport, GraphicsCommand, SurfaceId,
        client_capabilities,
        pdu::{CacheEntry, PipelineClientPdu, PipelineServerPdu, SUSPEND_ACKNOWLEDGEMENT},
    },
    wire::{DecodeError, DecodeResult, Pdu},
};

/// Frames that may wait for their report. A server this far ahead has given up on waiting.
const WAITING_LIMIT: usize = 8_192;
/// Between two reports of a frame's quality: they are "solely for informational and debugging
/// purposes" (`[MS-RDPEGFX] 2.2.2.21`), and a thin link has better uses.
const QUALITY_REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// What the pipeline tells its owner, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PipelineEvent {
    /// The server picked a capability set; drawing follows.
    Confirmed(CapabilitySet),
    /// Drawing.
    Command(GraphicsCommand),
    /// The server assigned slots to the first entries of the offered cache.
    CacheImported(Vec<(CacheEntry, CacheSlot)>),
}

/// Takes the server's drawing and acknowledges its frames.
#[derive(Debug)]
pub struct GraphicsPipelineClient {
    offered: Vec<CapabilitySet>,
    confirmed: Option<CapabilitySet>,
    cache: Vec<CacheEntry>,
    decompressor: Decompressor,
    /// Sizes of the surfaces: progressive payloads do not tell what they cover.
    surfaces: HashMap<SurfaceId, Size>,
    /// When the frame at hand began.
    started: Option<(FrameId, Instant)>,
    /// Frames that are whole and not acknowledged.
    waiting: VecDeque<WaitingFrame>,
    origin: Instant,
    is_suspended: bool,
    /// The server was told so, which takes a frame's name.
    is_suspension_told: bool,
    /// The last frame that was received whole.
    last_frame: Option<FrameId>,
    /// When the last frame whose quality was reported ended.
    quality_reported: Option<Instant>,
    total_decoded: u32,
    skipped: u64,
    transmit: VecDeque<Vec<u8>>,
    events: VecDeque<PipelineEvent>,
}

#[derive(Clone, Copy, Debug)]
struct WaitingFrame {
    frame: FrameId,
    started: Instant,
    ended: Instant,
}

impl GraphicsPipelineClient {
    /// A client for a channel that was just opened; its capabilities are ready to be sent.
    pub fn new(now: Instant, support: GraphicsSupport) -> Self {
        Self::with_cache(now, support, Vec::new())
    }

    /// The same with a persistent bitmap cache, which is offered once the server has answered.
    pub fn with_cache(now: Instant, support: GraphicsSupport, cache: Vec<CacheEntry>) -> Self {
        let offered = client_capabilities(support);
        let advertise = PipelineClientPdu::CapabilitiesAdvertise(offered.clone());
        Self {
            offered,
            confirmed: None,
            cache,
            decompressor: Decompressor::new(),
            surfaces: HashMap::new(),
            started: None,
            waiting: VecDeque::new(),
            origin: now,
            is_suspended: false,
            is_suspension_told: false,
            last_frame: None,
            quality_reported: None,
            total_decoded: 0,
            skipped: 0,
            transmit: VecDeque::from([advertise.to_vec()]),
            events: VecDeque::new(),
        }
    }

    /// The capability set in force, once the server has picked one.
    pub fn confirmed(&self) -> Option<&CapabilitySet> {
        self.confirmed.as_ref()
    }

    /// Frames acknowledged, or that would have been if acknowledging were not suspended.
    pub fn total_decoded(&self) -> u32 {
        self.total_decoded
    }

    /// Frames that were received whole and have no report yet.
    pub fn waiting_frames(&self) -> usize {
        self.waiting.len()
    }

    /// PDUs of unknown kind or codec that were passed over.
    pub fn skipped_pdus(&self) -> u64 {
        self.skipped
    }

    /// Takes one whole message of the channel.
    ///
    /// # Errors
    /// A message that does not decompress, or a PDU in it that the specification does not allow.
    /// The commands before it stand; the channel is of no use after that, since the two sides'
    /// compression histories may differ.
    pub fn handle_data(&mut self, now: Instant, message: &[u8]) -> DecodeResult<()> {
        let mut plain = Vec::new();
        self.decompressor
            .decompress(message, &mut plain)
            .map_err(|error| DecodeError::Compression {
                context: "graphics pipeline message",
                reason: error.to_string(),
            })?;
        let mut plain = Bytes::from(plain);
        while !plain.is_empty() {
            let pdu = PipelineServerPdu::decode(&mut plain)?;
            self.handle_pdu(now, pdu)?;
        }
        Ok(())
    }

    fn handle_pdu(&mut self, now: Instant, pdu: PipelineServerPdu) -> DecodeResult<()> {
        match pdu {
            PipelineServerPdu::StartFrame { frame, .. } => {
                self.started = Some((frame, now));
                self.emit(GraphicsCommand::StartFrame { frame });
            }
            PipelineServerPdu::Command(command) => self.handle_command(now, command),
            PipelineServerPdu::CapabilitiesConfirm(set) => self.handle_confirm(set)?,
            PipelineServerPdu::CacheImportReply(slots) => {
                let imported = self.cache.drain(..).zip(slots).collect();
                self.events
                    .push_back(PipelineEvent::CacheImported(imported));
            }
            PipelineServerPdu::Unknown { command, body } => {
                self.skipped += 1;
                warn!(command, bytes = body.len(), "graphics PDU skipped");
            }
        }
        Ok(())
    }

    fn handle_command(&mut self, now: Instant, mut command: GraphicsCommand) {
        match &mut command {
            GraphicsCommand::ResetGraphics { .. } => self.surfaces.clear(),
            GraphicsCommand::CreateSurface { surface, size, .. } => {
                self.surfaces.insert(*surface, *size);
            }
            GraphicsCommand::DeleteSurface { surface } => {
                self.surfaces.remove(surface);
            }
            GraphicsCommand::Draw { surface, rect, .. } if rect.is_empty() => {
                if let Some(size) = self.surfaces.get(surface) {
                    *rect = size.to_rect();
                }
            }
            GraphicsCommand::EndFrame { frame } => {
                let started = match self.started.take() {
                    Some((name, at)) if name == *frame => at,
                    _ => now,
                };
                if self.waiting.len() == WAITING_LIMIT {
                    self.waiting.pop_front();
                }
                self.last_frame = Some(*frame);
                self.waiting.push_back(WaitingFrame {
                    frame: *frame,
                    started,
                    ended: now,
                });
            }
            _ => {}
        }
        self.emit(command);
    }

    fn handle_confirm(&mut self, set: CapabilitySet) -> DecodeResult<()> {
        if !self.offered.iter().any(|o| o.version == set.version) {
            return Err(DecodeError::invalid(
                "graphics capability confirmation",
                "version",
                set.version.0,
            ));
        }
        // Windows confirms twice at times.
        if self.confirmed.as_ref() == Some(&set) {
            return Ok(());
        }
        debug!(version = set.version.0, flags = ?set.flags(), "graphics pipeline confirmed");
        self.confirmed = Some(set.clone());
        self.events.push_back(PipelineEvent::Confirmed(set));
        if !self.cache.is_empty() {
            let offer = PipelineClientPdu::CacheImportOffer(self.cache.clone());
            self.transmit.push_back(offer.to_vec());
        }
        Ok(())
    }

    fn emit(&mut self, command: GraphicsCommand) {
        self.events.push_back(PipelineEvent::Command(command));
    }

    /// Acknowledges a frame that is shown. A frame that this channel did not bring, for example
    /// one from before it was reopened, is none of the server's business: false.
    pub fn acknowledge_frame(&mut self, report: FrameReport) -> bool {
        let Some(index) = self.waiting.iter().position(|w| w.frame == report.frame) else {
            return false;
        };
        let Some(waiting) = self.waiting.remove(index) else {
            return false;
        };
        self.total_decoded = self.total_decoded.wrapping_add(1);
        if self.is_suspended {
            self.tell_suspension();
        } else {
            let depth = report.queue_depth.min(SUSPEND_ACKNOWLEDGEMENT - 1);
            self.transmit_acknowledgement(report.frame, depth);
        }
        let allows_quality_reports = self
            .confirmed
            .as_ref()
            .is_some_and(|set| set.version.allows_quality_reports());
        let is_due = self.quality_reported.is_none_or(|last| {
            waiting.ended.saturating_duration_since(last) >= QUALITY_REPORT_INTERVAL
        });
        if allows_quality_reports && is_due {
            self.quality_reported = Some(waiting.ended);
            let since_origin = waiting.started.saturating_duration_since(self.origin);
            let to_end = waiting.ended.saturating_duration_since(waiting.started);
            let quality = PipelineClientPdu::QoeFrameAcknowledge {
                frame: report.frame,
                // Rolls over, which the server takes care of.
                timestamp_ms: since_origin.as_millis() as u32,
                start_to_end_ms: millis_or_zero(to_end.as_millis()),
                end_to_shown_ms: millis_or_zero(u128::from(report.present_us / 1000)),
            };
            self.transmit.push_back(quality.to_vec());
        }
        true
    }

    /// Tells the server that frames are not acknowledged from here on: it must not wait for them
    /// (`[MS-RDPEGFX] 2.2.2.13`).
    pub fn suspend_acknowledgement(&mut self) {
        if !self.is_suspended {
            self.is_suspended = true;
            self.is_suspension_told = false;
            self.tell_suspension();
        }
    }

    fn tell_suspension(&mut self) {
        if let Some(frame) = self.last_frame.filter(|_| !self.is_suspension_told) {
            self.is_suspension_told = true;
            self.transmit_acknowledgement(frame, SUSPEND_ACKNOWLEDGEMENT);
        }
    }

    /// Goes back to acknowledging: the next report tells the server.
    pub fn resume_acknowledgement(&mut self) {
        self.is_suspended = false;
    }

    fn transmit_acknowledgement(&mut self, frame: FrameId, queue_depth: u32) {
        let acknowledge = PipelineClientPdu::FrameAcknowledge {
            queue_depth,
            frame,
            total_decoded: self.total_decoded,
        };
        self.transmit.push_back(acknowledge.to_vec());
    }

    /// The next message for the channel.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.transmit.pop_front()
    }

    /// What happened next.
    pub fn poll_event(&mut self) -> Option<PipelineEvent> {
        self.events.pop_front()
    }
}

/// Times over 65 seconds are sent as 0 (`[MS-RDPEGFX] 2.2.2.21`).
fn millis_or_zero(millis: u128) -> u16 {
    u16::try_from(millis).unwrap_or(0)
}
