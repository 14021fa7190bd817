//! The server's end of the graphics pipeline.

use std::collections::VecDeque;

use oriel_codecs::bulk::zgfx::{self, Compressor};

use crate::{
    client::GraphicsSupport,
    graphics::{
        CapabilitySet, CommandError, FrameId, GraphicsCommand, GraphicsTarget, choose_capabilities,
        pdu::{
            CacheEntry, PipelineClientPdu, PipelineServerPdu, SUSPEND_ACKNOWLEDGEMENT,
            encode_command,
        },
    },
    wire::{Cursor, DecodeResult, Pdu},
};

/// Bytes of PDUs that are put into one message before it is closed. A larger PDU has a message
/// of its own.
const MESSAGE_BYTES: usize = 256 * 1024;

/// What the pipeline tells its owner, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PipelineServerEvent {
    /// Drawing may begin, or must begin anew: the client has no surfaces.
    Ready(GraphicsTarget),
    /// The client offers nothing that is known here.
    NoCommonVersion,
    /// A frame is shown, or acknowledging is suspended (`queue_depth` 0xFFFFFFFF).
    FrameAcknowledged {
        /// Which.
        frame: FrameId,
        /// Bytes that wait at the client; 0 where it does not know.
        queue_depth: u32,
        /// Frames that the client has decoded so far.
        total_decoded: u32,
    },
    /// How long a frame took at the client.
    FrameQuality {
        /// Which.
        frame: FrameId,
        /// From decoding its start to decoding its end.
        start_to_end_ms: u16,
        /// From there to its being shown.
        end_to_shown_ms: u16,
    },
    /// The client has a persistent cache. It was answered that none of it is used.
    CacheOffered(Vec<CacheEntry>),
}

/// Sends drawing to a client and keeps count of what it has shown.
#[derive(Debug)]
pub struct GraphicsPipelineServer {
    support: GraphicsSupport,
    confirmed: Option<CapabilitySet>,
    /// `None` where messages go as they are.
    compressor: Option<Compressor>,
    /// PDUs of the message that is being collected.
    pending: Vec<u8>,
    outstanding: VecDeque<FrameId>,
    is_suspended: bool,
    transmit: VecDeque<Vec<u8>>,
    events: VecDeque<PipelineServerEvent>,
}

impl GraphicsPipelineServer {
    /// A server whose encoders can do what `support` says, for a channel that was just opened.
    pub fn new(support: GraphicsSupport) -> Self {
        Self::with_compressor(support, Some(Compressor::new()))
    }

    /// The same, but messages are not compressed: for payloads that do not get smaller, and where
    /// the server's time counts for more than bytes.
    pub fn uncompressed(support: GraphicsSupport) -> Self {
        Self::with_compressor(support, None)
    }

    fn with_compressor(support: GraphicsSupport, compressor: Option<Compressor>) -> Self {
        Self {
            support,
            confirmed: None,
            compressor,
            pending: Vec::new(),
            outstanding: VecDeque::new(),
            is_suspended: false,
            transmit: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// The capability set in force, once the client has offered some.
    pub fn confirmed(&self) -> Option<&CapabilitySet> {
        self.confirmed.as_ref()
    }

    /// Frames that were sent and not acknowledged. Zero while the client does not acknowledge.
    pub fn outstanding_frames(&self) -> usize {
        self.outstanding.len()
    }

    /// True while the client does not acknowledge frames and must not be waited for.
    pub fn is_suspended(&self) -> bool {
        self.is_suspended
    }

    /// Takes one whole message of the channel.
    ///
    /// # Errors
    /// A PDU that the specification does not allow.
    pub fn handle_data(&mut self, message: &[u8]) -> DecodeResult<()> {
        let mut cursor = Cursor::new(message, "graphics pipeline message");
        while !cursor.is_empty() {
            let pdu = PipelineClientPdu::decode(&mut cursor)?;
            self.handle_pdu(pdu);
        }
        Ok(())
    }

    fn handle_pdu(&mut self, pdu: PipelineClientPdu) {
        match pdu {
            PipelineClientPdu::CapabilitiesAdvertise(sets) => self.handle_advertise(&sets),
            PipelineClientPdu::FrameAcknowledge {
                queue_depth,
                frame,
                total_decoded,
            } => {
                self.is_suspended = queue_depth == SUSPEND_ACKNOWLEDGEMENT;
                if self.is_suspended {
                    self.outstanding.clear();
                } else if let Some(index) = self.outstanding.iter().position(|&f| f == frame) {
                    self.outstanding.remove(index);
                }
                self.events
                    .push_back(PipelineServerEvent::FrameAcknowledged {
                        frame,
                        queue_depth,
                        total_decoded,
                    });
            }
            PipelineClientPdu::QoeFrameAcknowledge {
                frame,
                start_to_end_ms,
                end_to_shown_ms,
                ..
            } => self.events.push_back(PipelineServerEvent::FrameQuality {
                frame,
                start_to_end_ms,
                end_to_shown_ms,
            }),
            PipelineClientPdu::CacheImportOffer(entries) => {
                self.put(&PipelineServerPdu::CacheImportReply(Vec::new()));
                self.events
                    .push_back(PipelineServerEvent::CacheOffered(entries));
            }
            PipelineClientPdu::Unknown { .. } => {}
        }
    }

    fn handle_advertise(&mut self, sets: &[CapabilitySet]) {
        let Some((set, target)) = choose_capabilities(sets, self.support) else {
            self.events.push_back(PipelineServerEvent::NoCommonVersion);
            return;
        };
        // A second offer starts the protocol over: the client ignores all that was sent before,
        // but for the compression, whose history it keeps (3.2.5.18, 3.3.5.19).
        self.flush();
        self.outstanding.clear();
        self.is_suspended = false;
        self.confirmed = Some(set.clone());
        self.put(&PipelineServerPdu::CapabilitiesConfirm(set));
        self.flush();
        self.events.push_back(PipelineServerEvent::Ready(target));
    }

    fn put(&mut self, pdu: &PipelineServerPdu) {
        // None of the PDUs given here can fail to be encoded.
        let _ = pdu.encode(&mut self.pending);
    }

    /// Draws. Commands are collected into messages; those end with a frame and where
    /// [`GraphicsPipelineServer::poll_transmit`] is called.
    ///
    /// # Errors
    /// Before the client has answered, and for commands that the pipeline cannot carry.
    pub fn send(&mut self, command: &GraphicsCommand) -> Result<(), CommandError> {
        if self.confirmed.is_none() {
            return Err(CommandError::NotReady);
        }
        let before = self.pending.len();
        encode_command(command, &mut self.pending)?;
        if before > 0 && self.pending.len() > MESSAGE_BYTES {
            let next = self.pending.split_off(before);
            self.flush();
            self.pending = next;
        }
        if let GraphicsCommand::EndFrame { frame } = command {
            if !self.is_suspended {
                self.outstanding.push_back(*frame);
            }
            self.flush();
        }
        Ok(())
    }

    /// Makes one message of what was collected (`RDP_SEGMENTED_DATA`, `[MS-RDPEGFX] 2.2.5.1`).
    fn flush(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        let mut message = Vec::new();
        match &mut self.compressor {
            Some(compressor) => compressor.compress(&self.pending, &mut message),
            None => zgfx::store(&self.pending, &mut message),
        }
        self.pending.clear();
        self.transmit.push_back(message);
    }

    /// The next message for the channel.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        if self.transmit.is_empty() {
            self.flush();
        }
        self.transmit.pop_front()
    }

    /// What happened next.
    pub fn poll_event(&mut self) -> Option<PipelineServerEvent> {
        self.events.pop_front()
    }
}
