//! TUN devices: network interfaces whose packets a program reads and writes.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _},
    os::fd::AsRawFd as _,
    time::Duration,
};

/// Opens a new device of this name, which goes away when the file is closed.
pub(super) fn open(name: &str) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/net/tun")?;
    // SAFETY: zeros are a value of this struct of numbers and arrays of numbers.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // One less than there is room for: the name ends with a zero.
    if name.len() >= request.ifr_name.len() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for (place, byte) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *place = byte as libc::c_char;
    }
    // IP packets, and nothing before them.
    request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as libc::c_short;
    // SAFETY: the file is open, and TUNSETIFF reads and writes an `ifreq`, which outlives the call.
    let result = unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF as _, &mut request) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(file)
}

/// Reads a packet; `None` where none comes within `patience`.
pub(super) fn read_within(
    file: &mut File,
    buffer: &mut [u8],
    patience: Duration,
) -> io::Result<Option<usize>> {
    let mut poll = libc::pollfd {
        fd: file.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    let timeout = patience.as_millis().min(i32::MAX as u128) as libc::c_int;
    // SAFETY: one `pollfd`, which outlives the call.
    let ready = unsafe { libc::poll(&mut poll, 1, timeout) };
    match ready {
        0 => Ok(None),
        1.. => file.read(buffer).map(Some),
        _ => Err(io::Error::last_os_error()),
    }
}
