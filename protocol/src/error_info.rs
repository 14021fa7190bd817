//! Why a server ends a session (`[MS-RDPBCGR] 2.2.5.1.1`), in words for a person.

use std::fmt;

/// The code of a Set Error Info PDU.
///
/// ```
/// use oriel_protocol::error_info::{ErrorInfo, ErrorInfoCategory};
///
/// let code = ErrorInfo(0x3);
/// assert_eq!(code, ErrorInfo::IDLE_TIMEOUT);
/// assert_eq!(code.name(), Some("ERRINFO_IDLE_TIMEOUT"));
/// assert_eq!(code.category(), ErrorInfoCategory::TimeLimit);
/// assert!(code.to_string().starts_with("The session was idle for longer"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ErrorInfo(pub u32);

/// What kind of end it is, and so how it should look to the user and whether to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorInfoCategory {
    /// No error.
    None,
    /// The user signed out or disconnected in the session: nothing to report.
    UserRequest,
    /// An administrator, or a tool of theirs.
    Administrator,
    /// A limit on idle or connected time.
    TimeLimit,
    /// The session continues on another connection.
    ReplacedByOtherConnection,
    /// The server refuses this user or these credentials.
    Refused,
    /// The server goes down.
    ServerShutdown,
    /// Something in the server broke or ran out.
    ServerFailure,
    /// Licensing.
    Licensing,
    /// The connection broker could not pass the connection on.
    Broker,
    /// The server did not understand this client.
    Protocol,
    /// A code that the specification does not list.
    Unknown,
}

impl ErrorInfoCategory {
    /// What the user can do about it, where a code has nothing better of its own.
    fn advice(self) -> &'static str {
        match self {
            Self::None | Self::UserRequest => "",
            Self::Administrator => "Ask the administrator if you did not expect this.",
            Self::TimeLimit => "Connect again to go on where you left off.",
            Self::ReplacedByOtherConnection => "Connect again here to take the session back.",
            Self::Refused => "Ask the administrator for access.",
            Self::ServerShutdown => "Connect again once it is back.",
            Self::ServerFailure => "Connect again; if it stays, ask the administrator.",
            Self::Licensing => "Ask the administrator to look after the server's licences.",
            Self::Broker => "Try again in a while; if it stays, ask the administrator.",
            Self::Protocol => "Connect again; if it stays, please report it with the code.",
            Self::Unknown => "Connect again; if it stays, ask the administrator.",
        }
    }

    /// True where connecting again at once, without asking the user, makes sense.
    pub fn allows_automatic_reconnect(self) -> bool {
        matches!(self, Self::ServerFailure | Self::Protocol | Self::Unknown)
    }
}

struct Entry {
    code: u32,
    name: &'static str,
    category: ErrorInfoCategory,
    what: &'static str,
    /// In place of the category's advice, where not empty.
    advice: &'static str,
}

macro_rules! error_infos {
    ($($name:ident = $code:literal, $category:ident, $what:literal $(, $advice:literal)?;)*) => {
        impl ErrorInfo {
            $(
                #[doc = $what]
                pub const $name: Self = Self($code);
            )*
        }

        /// By code, ascending.
        static ENTRIES: &[Entry] = &[$(Entry {
            code: $code,
            name: concat!("ERRINFO_", stringify!($name)),
            category: ErrorInfoCategory::$category,
            what: $what,
            advice: concat!("" $(, $advice)?),
        },)*];
    };
}

error_infos! {
    NONE = 0x0, None, "No error has occurred.";
    RPC_INITIATED_DISCONNECT = 0x1, Administrator, "An administrator disconnected the session.";
    RPC_INITIATED_LOGOFF = 0x2, Administrator, "An administrator signed you out.";
    IDLE_TIMEOUT = 0x3, TimeLimit, "The session was idle for longer than the server allows.";
    LOGON_TIMEOUT = 0x4, TimeLimit, "The session reached the time limit that the server sets.";
    DISCONNECTED_BY_OTHERCONNECTION = 0x5, ReplacedByOtherConnection, "Somebody else connected to the session, or you did from another place.";
    OUT_OF_MEMORY = 0x6, ServerFailure, "The server ran out of memory.", "Connect again in a while, or ask the administrator.";
    SERVER_DENIED_CONNECTION = 0x7, Refused, "The server refused the connection.", "Check user name, password and domain; if they are right, ask the administrator for access.";
    SERVER_INSUFFICIENT_PRIVILEGES = 0x9, Refused, "This account may not sign in remotely on this server.", "Ask the administrator to allow remote sign-in for the account.";
    SERVER_FRESH_CREDENTIALS_REQUIRED = 0xa, Refused, "The server does not accept a saved password.", "Connect again and type the password.";
    RPC_INITIATED_DISCONNECT_BYUSER = 0xb, UserRequest, "You disconnected the session.";
    LOGOFF_BY_USER = 0xc, UserRequest, "You signed out.";
    CLOSE_STACK_ON_DRIVER_NOT_READY = 0xf, ServerFailure, "The display driver of the session did not start in time.";
    SERVER_DWM_CRASH = 0x10, ServerFailure, "The window manager of the session crashed.";
    CLOSE_STACK_ON_DRIVER_FAILURE = 0x11, ServerFailure, "The display driver of the session did not start.";
    CLOSE_STACK_ON_DRIVER_IFACE_FAILURE = 0x12, ServerFailure, "The display driver of the session started but cannot be used.";
    SERVER_WINLOGON_CRASH = 0x17, ServerFailure, "The sign-in process of the session crashed.";
    SERVER_CSRSS_CRASH = 0x18, ServerFailure, "A system process of the session crashed.";
    SERVER_SHUTDOWN = 0x19, ServerShutdown, "The server is shutting down.", "Connect again once it is back on.";
    SERVER_REBOOT = 0x1a, ServerShutdown, "The server is restarting.", "Connect again in a few minutes.";

    LICENSE_INTERNAL = 0x100, Licensing, "The server's licensing failed.";
    LICENSE_NO_LICENSE_SERVER = 0x101, Licensing, "The server found no licence server to give this client a licence.";
    LICENSE_NO_LICENSE = 0x102, Licensing, "The server has no client access licence left.";
    LICENSE_BAD_CLIENT_MSG = 0x103, Licensing, "The server did not understand a licensing message of this client.", "Please report it with the code.";
    LICENSE_HWID_DOESNT_MATCH_LICENSE = 0x104, Licensing, "The licence of this client belongs to another machine or was changed.", "Remove the stored licence and connect again.";
    LICENSE_BAD_CLIENT_LICENSE = 0x105, Licensing, "The licence of this client is damaged.", "Remove the stored licence and connect again.";
    LICENSE_CANT_FINISH_PROTOCOL = 0x106, Licensing, "The network broke down during licensing.", "Connect again.";
    LICENSE_CLIENT_ENDED_PROTOCOL = 0x107, Licensing, "This client ended licensing too early.", "Please report it with the code.";
    LICENSE_BAD_CLIENT_ENCRYPTION = 0x108, Licensing, "A licensing message of this client was encrypted wrongly.", "Please report it with the code.";
    LICENSE_CANT_UPGRADE_LICENSE = 0x109, Licensing, "The licence of this client could not be renewed.";
    LICENSE_NO_REMOTE_CONNECTIONS = 0x10a, Licensing, "The server is not licensed to accept remote connections.";

    CB_DESTINATION_NOT_FOUND = 0x400, Broker, "The connection broker did not find the computer to connect to.";
    CB_LOADING_DESTINATION = 0x402, Broker, "The computer that the broker chose is leaving the broker's pool.";
    CB_REDIRECTING_TO_DESTINATION = 0x404, Broker, "The broker could not pass the connection on to the computer that it chose.";
    CB_SESSION_ONLINE_VM_WAKE = 0x405, Broker, "The virtual machine could not be woken up.";
    CB_SESSION_ONLINE_VM_BOOT = 0x406, Broker, "The virtual machine could not be started.";
    CB_SESSION_ONLINE_VM_NO_DNS = 0x407, Broker, "The address of the virtual machine could not be found.";
    CB_DESTINATION_POOL_NOT_FREE = 0x408, Broker, "No computer of the pool is free.";
    CB_CONNECTION_CANCELLED = 0x409, Broker, "The broker cancelled the connection.";
    CB_CONNECTION_ERROR_INVALID_SETTINGS = 0x410, Broker, "The broker does not accept the routing token of this connection.", "Get a new connection file from where this one came.";
    CB_SESSION_ONLINE_VM_BOOT_TIMEOUT = 0x411, Broker, "The virtual machine took too long to start.";
    CB_SESSION_ONLINE_VM_SESSMON_FAILED = 0x412, Broker, "The broker lost sight of the virtual machine while it was starting.";

    UNKNOWNPDUTYPE2 = 0x10c9, Protocol, "The server does not know a kind of data message that this client sent.";
    UNKNOWNPDUTYPE = 0x10ca, Protocol, "The server does not know a kind of message that this client sent.";
    DATAPDUSEQUENCE = 0x10cb, Protocol, "A data message of this client came out of order.";
    CONTROLPDUSEQUENCE = 0x10cd, Protocol, "A control message of this client came out of order.";
    INVALIDCONTROLPDUACTION = 0x10ce, Protocol, "A control message of this client asked for something that does not exist.";
    INVALIDINPUTPDUTYPE = 0x10cf, Protocol, "The server does not know a kind of input that this client sent.";
    INVALIDINPUTPDUMOUSE = 0x10d0, Protocol, "The server did not understand a mouse event of this client.";
    INVALIDREFRESHRECTPDU = 0x10d1, Protocol, "The server did not understand which areas to draw again.";
    CREATEUSERDATAFAILED = 0x10d2, Protocol, "The server failed to put together its answer to the settings of this client.";
    CONNECTFAILED = 0x10d3, Protocol, "The server failed while the channels were being connected.";
    CONFIRMACTIVEWRONGSHAREID = 0x10d4, Protocol, "This client confirmed a session that the server did not offer.";
    CONFIRMACTIVEWRONGORIGINATOR = 0x10d5, Protocol, "This client confirmed the session under a wrong sender.";
    PERSISTENTKEYPDUBADLENGTH = 0x10da, Protocol, "The list of cached bitmaps of this client was cut off.";
    PERSISTENTKEYPDUILLEGALFIRST = 0x10db, Protocol, "The list of cached bitmaps of this client began twice.";
    PERSISTENTKEYPDUTOOMANYTOTALKEYS = 0x10dc, Protocol, "The list of cached bitmaps of this client is too long.";
    PERSISTENTKEYPDUTOOMANYCACHEKEYS = 0x10dd, Protocol, "The list of cached bitmaps of this client is longer than its cache.";
    INPUTPDUBADLENGTH = 0x10de, Protocol, "An input message of this client was cut off.";
    BITMAPCACHEERRORPDUBADLENGTH = 0x10df, Protocol, "A bitmap cache report of this client was cut off.";
    SECURITYDATATOOSHORT = 0x10e0, Protocol, "The signature of an input message of this client was cut off.";
    VCHANNELDATATOOSHORT = 0x10e1, Protocol, "The channel list or a channel message of this client was cut off.";
    SHAREDATATOOSHORT = 0x10e2, Protocol, "A control or font message of this client was cut off.";
    BADSUPRESSOUTPUTPDU = 0x10e3, Protocol, "The server did not understand the request to pause or resume drawing.";
    CONFIRMACTIVEPDUTOOSHORT = 0x10e5, Protocol, "The confirmation of the session by this client was cut off.";
    CAPABILITYSETTOOSMALL = 0x10e7, Protocol, "A capability set of this client was too short.";
    CAPABILITYSETTOOLARGE = 0x10e8, Protocol, "A capability set of this client was longer than its message.";
    NOCURSORCACHE = 0x10e9, Protocol, "This client offered no cache for mouse pointers.";
    BADCAPABILITIES = 0x10ea, Protocol, "The server does not accept what this client can do.";
    VIRTUALCHANNELDECOMPRESSIONERR = 0x10ec, Protocol, "The server could not decompress a channel message of this client.";
    INVALIDVCCOMPRESSIONTYPE = 0x10ed, Protocol, "A channel message of this client was compressed in a way that does not exist.";
    INVALIDCHANNELID = 0x10ef, Protocol, "This client used a channel that does not exist.";
    VCHANNELSTOOMANY = 0x10f0, Protocol, "This client asked for more than 31 channels.";
    REMOTEAPPSNOTENABLED = 0x10f3, Refused, "The server allows single applications only, no desktop.", "Use a connection file of an application, or ask the administrator.";
    CACHECAPNOTSET = 0x10f4, Protocol, "This client listed cached bitmaps without having announced a cache.";
    BITMAPCACHEERRORPDUBADLENGTH2 = 0x10f5, Protocol, "A bitmap cache report of this client does not match its own count.";
    OFFSCRCACHEERRORPDUBADLENGTH = 0x10f6, Protocol, "An offscreen cache report of this client was cut off.";
    DNGCACHEERRORPDUBADLENGTH = 0x10f7, Protocol, "A nine-grid cache report of this client was cut off.";
    GDIPLUSPDUBADLENGTH = 0x10f8, Protocol, "A GDI+ report of this client was cut off.";
    SECURITYDATATOOSHORT2 = 0x1111, Protocol, "A security header of this client was cut off.";
    SECURITYDATATOOSHORT3 = 0x1112, Protocol, "An encrypted message's header of this client was cut off.";
    SECURITYDATATOOSHORT4 = 0x1113, Protocol, "The key exchange of this client was cut off.";
    SECURITYDATATOOSHORT5 = 0x1114, Protocol, "The sign-in data of this client were cut off.";
    SECURITYDATATOOSHORT6 = 0x1115, Protocol, "The lengths in the sign-in data of this client were cut off.";
    SECURITYDATATOOSHORT7 = 0x1116, Protocol, "The length of the client address in the sign-in data was cut off.";
    SECURITYDATATOOSHORT8 = 0x1117, Protocol, "The client address in the sign-in data was cut off.";
    SECURITYDATATOOSHORT9 = 0x1118, Protocol, "The length of the client folder in the sign-in data was cut off.";
    SECURITYDATATOOSHORT10 = 0x1119, Protocol, "The client folder in the sign-in data was cut off.";
    SECURITYDATATOOSHORT11 = 0x111a, Protocol, "The time zone in the sign-in data was cut off.";
    SECURITYDATATOOSHORT12 = 0x111b, Protocol, "The client session in the sign-in data was cut off.";
    SECURITYDATATOOSHORT13 = 0x111c, Protocol, "The performance settings in the sign-in data were cut off.";
    SECURITYDATATOOSHORT14 = 0x111d, Protocol, "The length of the reconnection cookie in the sign-in data was cut off.";
    SECURITYDATATOOSHORT15 = 0x111e, Protocol, "The reconnection cookie in the sign-in data was cut off.";
    SECURITYDATATOOSHORT16 = 0x111f, Protocol, "The reconnection cookie in the sign-in data is too long.";
    SECURITYDATATOOSHORT17 = 0x1120, Protocol, "The length of the client address in the additional sign-in data was cut off.";
    SECURITYDATATOOSHORT18 = 0x1121, Protocol, "The client address in the additional sign-in data was cut off.";
    SECURITYDATATOOSHORT19 = 0x1122, Protocol, "The length of the client folder in the additional sign-in data was cut off.";
    SECURITYDATATOOSHORT20 = 0x1123, Protocol, "The client folder in the additional sign-in data was cut off.";
    SECURITYDATATOOSHORT21 = 0x1124, Protocol, "The time zone in the additional sign-in data was cut off.";
    SECURITYDATATOOSHORT22 = 0x1125, Protocol, "The client session in the additional sign-in data was cut off.";
    SECURITYDATATOOSHORT23 = 0x1126, Protocol, "The message with the sign-in data of this client was cut off.";
    BADMONITORDATA = 0x1129, Protocol, "The list of monitors of this client is shorter than its count.";
    VCDECOMPRESSEDREASSEMBLEFAILED = 0x112a, Protocol, "A channel message of this client is too large once decompressed.";
    VCDATATOOLONG = 0x112b, Protocol, "A piece of a channel message of this client is too large.";
    BAD_FRAME_ACK_DATA = 0x112c, Protocol, "A frame acknowledgement of this client was cut off.";
    GRAPHICSMODENOTSUPPORTED = 0x112d, ServerFailure, "The server does not support the way of drawing that this client asked for.", "Connect again with other graphics settings.";
    GRAPHICSSUBSYSTEMRESETFAILED = 0x112e, ServerFailure, "The server could not start its graphics anew.";
    GRAPHICSSUBSYSTEMFAILED = 0x112f, ServerFailure, "The server's graphics failed and cannot go on.";
    TIMEZONEKEYNAMELENGTHTOOSHORT = 0x1130, Protocol, "The length of the time zone's name in the sign-in data was cut off.";
    TIMEZONEKEYNAMELENGTHTOOLONG = 0x1131, Protocol, "The time zone's name in the sign-in data is too long.";
    DYNAMICDSTDISABLEDFIELDMISSING = 0x1132, Protocol, "The daylight saving setting in the sign-in data is missing.";
    VCDECODINGERROR = 0x1133, Protocol, "The server did not understand a dynamic channel message of this client.";
    VIRTUALDESKTOPTOOLARGE = 0x1134, Refused, "The desktop across all monitors is too large for the server.", "Connect again with fewer or smaller monitors.";
    MONITORGEOMETRYVALIDATIONFAILED = 0x1135, Refused, "The server does not accept how the monitors are placed.", "Connect again with one monitor, or place the monitors side by side.";
    INVALIDMONITORCOUNT = 0x1136, Refused, "The server does not accept that many monitors.", "Connect again with fewer monitors.";
    UPDATESESSIONKEYFAILED = 0x1191, Protocol, "The server could not renew the session keys.";
    DECRYPTFAILED = 0x1192, Protocol, "The server could not decrypt a message of this client.";
    ENCRYPTFAILED = 0x1193, Protocol, "The server could not encrypt a message.";
    ENCPKGMISMATCH = 0x1194, Protocol, "The server and this client have no way of encryption in common.";
    DECRYPTFAILED2 = 0x1195, Protocol, "The server received data in the clear where it expected them encrypted.";
}

impl ErrorInfo {
    fn entry(self) -> Option<&'static Entry> {
        let index = ENTRIES.binary_search_by_key(&self.0, |entry| entry.code);
        index.ok().map(|index| &ENTRIES[index])
    }

    /// The specification's name; `None` for a code that it does not list.
    pub fn name(self) -> Option<&'static str> {
        self.entry().map(|entry| entry.name)
    }

    /// What kind of end it is.
    pub fn category(self) -> ErrorInfoCategory {
        self.entry()
            .map_or(ErrorInfoCategory::Unknown, |entry| entry.category)
    }

    /// What happened, a sentence.
    pub fn what_happened(self) -> &'static str {
        self.entry().map_or(
            "The server ended the session for a reason that Oriel does not know.",
            |entry| entry.what,
        )
    }

    /// What to do now, a sentence; empty where there is nothing to be done.
    pub fn what_to_do(self) -> &'static str {
        match self.entry() {
            Some(entry) if entry.advice.is_empty() => entry.category.advice(),
            Some(entry) => entry.advice,
            None => ErrorInfoCategory::Unknown.advice(),
        }
    }

    /// Every code that the specification lists.
    pub fn all() -> impl Iterator<Item = Self> {
        ENTRIES.iter().map(|entry| Self(entry.code))
    }
}

/// What happened, what to do, and the code where somebody will want to look it up.
impl fmt::Display for ErrorInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what_happened())?;
        if !self.what_to_do().is_empty() {
            write!(f, " {}", self.what_to_do())?;
        }
        match self.category() {
            ErrorInfoCategory::Protocol
            | ErrorInfoCategory::Licensing
            | ErrorInfoCategory::Broker
            | ErrorInfoCategory::ServerFailure
            | ErrorInfoCategory::Unknown => match self.name() {
                Some(name) => write!(f, " ({name}, {:#06x})", self.0),
                None => write!(f, " ({:#010x})", self.0),
            },
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_so_that_codes_are_found() {
        assert!(ENTRIES.windows(2).all(|pair| pair[0].code < pair[1].code));
        for code in ErrorInfo::all() {
            assert!(code.name().is_some());
        }
    }

    #[test]
    fn every_code_has_whole_sentences() {
        for code in ErrorInfo::all().chain([ErrorInfo(0xdead)]) {
            let what = code.what_happened();
            assert!(what.ends_with('.') && what.len() > 10, "{code:?}");
            let todo = code.what_to_do();
            assert_eq!(
                todo.is_empty(),
                matches!(
                    code.category(),
                    ErrorInfoCategory::None | ErrorInfoCategory::UserRequest
                ),
                "{code:?}"
            );
            assert!(todo.is_empty() || todo.ends_with('.'), "{code:?}");
        }
    }

    #[test]
    fn no_two_codes_say_the_same() {
        let mut sentences: Vec<_> = ENTRIES.iter().map(|entry| entry.what).collect();
        sentences.sort_unstable();
        assert!(sentences.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn a_code_that_is_not_listed_is_told_with_its_number() {
        assert!(ErrorInfo(0xbeef).to_string().contains("0x0000beef"));
    }
}
