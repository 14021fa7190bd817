//! The headers of orders, and the three ways in which each tells its length.

/// What an order does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    BackgroundRun,
    ForegroundRun {
        set: bool,
    },
    ForegroundBackgroundImage {
        set: bool,
    },
    ColorRun,
    ColorImage,
    DitheredRun,
    /// A foreground and background image of eight pixels, its bits not sent.
    Mask(u8),
    White,
    Black,
}

/// `SPECIAL_FGBG_1` and `SPECIAL_FGBG_2` stand for these bits.
pub const MASK_1: u8 = 0x03;
pub const MASK_2: u8 = 0x05;
/// Pixels of such an order, and of a byte of an image.
pub const MASK_PIXELS: usize = 8;

/// How a header has its length, which decides how long a short one can be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Three bits of order and five of length.
    Regular,
    /// Four and four.
    Lite,
}

impl Form {
    const fn length_bits(self) -> u32 {
        match self {
            Form::Regular => 5,
            Form::Lite => 4,
        }
    }

    /// Longest length that fits the header's own bits.
    const fn longest_short(self) -> usize {
        (1 << self.length_bits()) - 1
    }
}

/// An order's codes: of its short form, in that form's high bits, and of the long one.
const fn codes(order: Order) -> (Form, u8, u8) {
    match order {
        Order::BackgroundRun => (Form::Regular, 0x0, 0xF0),
        Order::ForegroundRun { set: false } => (Form::Regular, 0x1, 0xF1),
        Order::ForegroundBackgroundImage { set: false } => (Form::Regular, 0x2, 0xF2),
        Order::ColorRun => (Form::Regular, 0x3, 0xF3),
        Order::ColorImage => (Form::Regular, 0x4, 0xF4),
        Order::ForegroundRun { set: true } => (Form::Lite, 0xC, 0xF6),
        Order::ForegroundBackgroundImage { set: true } => (Form::Lite, 0xD, 0xF7),
        Order::DitheredRun => (Form::Lite, 0xE, 0xF8),
        // These have one form only.
        Order::Mask(MASK_1) => (Form::Regular, 0, 0xF9),
        Order::Mask(_) => (Form::Regular, 0, 0xFA),
        Order::White => (Form::Regular, 0, 0xFD),
        Order::Black => (Form::Regular, 0, 0xFE),
    }
}

/// The orders that have a length.
const WITH_LENGTH: [Order; 8] = [
    Order::BackgroundRun,
    Order::ForegroundRun { set: false },
    Order::ForegroundBackgroundImage { set: false },
    Order::ColorRun,
    Order::ColorImage,
    Order::ForegroundRun { set: true },
    Order::ForegroundBackgroundImage { set: true },
    Order::DitheredRun,
];

/// What a header byte means. Numbers rather than cases, so that reading takes no branches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    pub order: Order,
    /// The length, or what the bytes behind the header are added to.
    pub length: u16,
    /// Which bits of the two bytes behind the header tell the length, and how many bytes they are.
    pub length_mask: u16,
    pub length_bytes: u8,
    /// What the order does with one block of pixels, for the orders that all do it in one way.
    pub blend: Option<Blend>,
}

/// An order as "those above it, or black, with a colour's bits flipped where a mask says so".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blend {
    pub reads_color: bool,
    pub sets_foreground: bool,
    /// Paints over what is above.
    pub fills: bool,
    pub is_background: bool,
    pub is_white: bool,
    /// Which pixels, and which of the mask's bits come from the data instead.
    pub mask: u16,
    pub data_mask: u16,
}

impl Header {
    const fn new(order: Order, length: u16, length_bytes: u8) -> Self {
        Self {
            order,
            length,
            length_mask: match length_bytes {
                0 => 0,
                1 => 0x00FF,
                _ => 0xFFFF,
            },
            length_bytes,
            blend: Blend::of(order),
        }
    }
}

impl Blend {
    const fn of(order: Order) -> Option<Self> {
        let sets = matches!(
            order,
            Order::ForegroundRun { set: true } | Order::ForegroundBackgroundImage { set: true }
        );
        let fills = matches!(order, Order::ColorRun | Order::White | Order::Black);
        let is_image = matches!(order, Order::ForegroundBackgroundImage { .. });
        Some(Self {
            reads_color: sets || matches!(order, Order::ColorRun),
            sets_foreground: sets,
            fills,
            is_background: matches!(order, Order::BackgroundRun),
            is_white: matches!(order, Order::White),
            mask: match order {
                Order::ForegroundRun { .. } | Order::ColorRun | Order::White => 0xFFFF,
                Order::Mask(bits) => bits as u16,
                Order::ForegroundBackgroundImage { .. } | Order::BackgroundRun | Order::Black => 0,
                Order::ColorImage | Order::DitheredRun => return None,
            },
            data_mask: if is_image { 0xFFFF } else { 0 },
        })
    }
}

/// What each header byte means; `None` where nothing.
pub static HEADERS: [Option<Header>; 256] = build_headers();

const fn build_headers() -> [Option<Header>; 256] {
    let mut table = [None; 256];
    let mut i = 0;
    while i < WITH_LENGTH.len() {
        let order = WITH_LENGTH[i];
        let (form, short, long) = codes(order);
        let first = (short as usize) << form.length_bits();
        let is_image = matches!(order, Order::ForegroundBackgroundImage { .. });
        // No length in the header: a byte has it, counted from where the header's own bits end;
        // but an image's from one, since its header counts in eights.
        let base = if is_image {
            1
        } else {
            form.longest_short() as u16 + 1
        };
        table[first] = Some(Header::new(order, base, 1));
        let mut length = 1;
        while length <= form.longest_short() {
            let pixels = if is_image {
                length * MASK_PIXELS
            } else {
                length
            };
            table[first + length] = Some(Header::new(order, pixels as u16, 0));
            length += 1;
        }
        table[long as usize] = Some(Header::new(order, 0, 2));
        i += 1;
    }
    let single = [
        (Order::Mask(MASK_1), MASK_PIXELS),
        (Order::Mask(MASK_2), MASK_PIXELS),
        (Order::White, 1),
        (Order::Black, 1),
    ];
    let mut i = 0;
    while i < single.len() {
        let (order, pixels) = single[i];
        table[codes(order).2 as usize] = Some(Header::new(order, pixels as u16, 0));
        i += 1;
    }
    table
}

/// Longest length of any order.
pub const MAX_LENGTH: usize = u16::MAX as usize;

/// Bytes of the header of an order with this length.
pub fn header_bytes(order: Order, length: usize) -> usize {
    let (form, ..) = codes(order);
    match order {
        Order::Mask(_) | Order::White | Order::Black => 1,
        Order::ForegroundBackgroundImage { .. } => {
            if length.is_multiple_of(MASK_PIXELS) && length / MASK_PIXELS <= form.longest_short() {
                1
            } else if length <= 256 {
                2
            } else {
                3
            }
        }
        _ if length <= form.longest_short() => 1,
        _ if length <= form.longest_short() + 256 => 2,
        _ => 3,
    }
}

/// Appends the header of an order with this length, which is 1 at least and [`MAX_LENGTH`] at most.
pub fn write_header(order: Order, length: usize, out: &mut Vec<u8>) {
    let (form, short, long) = codes(order);
    let short = short << form.length_bits();
    let is_image = matches!(order, Order::ForegroundBackgroundImage { .. });
    match (order, header_bytes(order, length)) {
        (Order::Mask(_) | Order::White | Order::Black, _) => out.push(long),
        (_, 1) if is_image => out.push(short | (length / MASK_PIXELS) as u8),
        (_, 1) => out.push(short | length as u8),
        (_, 2) if is_image => out.extend([short, (length - 1) as u8]),
        (_, 2) => out.extend([short, (length - form.longest_short() - 1) as u8]),
        _ => {
            out.push(long);
            out.extend((length as u16).to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Option<(Order, usize)> {
        let header = HEADERS[usize::from(bytes[0])]?;
        let told = [1, 2].map(|at| bytes.get(at).copied().unwrap_or_default());
        let length = header.length + (u16::from_le_bytes(told) & header.length_mask);
        assert!(bytes.len() > header.length_bytes.into());
        Some((header.order, length.into()))
    }

    #[test]
    fn every_length_of_every_order_reads_back() {
        for order in WITH_LENGTH {
            for length in (1..700).chain([MAX_LENGTH]) {
                let mut bytes = Vec::new();
                write_header(order, length, &mut bytes);
                assert_eq!(bytes.len(), header_bytes(order, length));
                assert_eq!(read(&bytes), Some((order, length)), "{bytes:x?}");
            }
        }
    }

    #[test]
    fn headers_without_meaning_are_the_ones_the_specification_leaves_out() {
        let unknown: Vec<usize> = (0..256).filter(|&i| HEADERS[i].is_none()).collect();
        let expected: Vec<usize> = (0xA0..0xC0).chain([0xF5, 0xFB, 0xFC, 0xFF]).collect();
        assert_eq!(unknown, expected);
    }
}
