//! Keys, encryption and message authentication (`[MS-RDPELE] 5.1`).

use md5::Md5;
use rc4::{KeyInit, Rc4, StreamCipher};
use sha1::{Digest, Sha1};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Bytes of a premaster secret.
pub(super) const PREMASTER_BYTES: usize = 48;

/// What both sides derive from their randoms and the premaster secret.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct LicenseKeys {
    mac_salt: [u8; 16],
    encryption: [u8; 16],
}

impl std::fmt::Debug for LicenseKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LicenseKeys(..)")
    }
}

/// `MD5(secret + SHA-1(label + secret + first + second))` for the labels A, BB and CCC.
fn expand(secret: &[u8], first: &[u8; 32], second: &[u8; 32]) -> [u8; 48] {
    let mut out = [0; 48];
    for (chunk, label) in out.chunks_exact_mut(16).zip(["A", "BB", "CCC"]) {
        let inner = Sha1::new()
            .chain_update(label)
            .chain_update(secret)
            .chain_update(first)
            .chain_update(second)
            .finalize();
        let outer = Md5::new().chain_update(secret).chain_update(inner);
        chunk.copy_from_slice(&outer.finalize());
    }
    out
}

impl LicenseKeys {
    /// Derives the keys (`5.1.2`).
    pub fn derive(
        premaster: &[u8; 48],
        client_random: &[u8; 32],
        server_random: &[u8; 32],
    ) -> Self {
        let mut master = expand(premaster, client_random, server_random);
        let mut blob = expand(&master, server_random, client_random);
        let mut mac_salt = [0; 16];
        mac_salt.copy_from_slice(&blob[..16]);
        let encryption = Md5::new()
            .chain_update(&blob[16..32])
            .chain_update(client_random)
            .chain_update(server_random)
            .finalize()
            .into();
        master.zeroize();
        blob.zeroize();
        Self {
            mac_salt,
            encryption,
        }
    }

    /// Encrypts or decrypts (`5.1.3`): every field starts the key stream anew.
    pub fn crypt(&self, data: &[u8]) -> Vec<u8> {
        let mut data = data.to_vec();
        let mut stream = Rc4::new_from_slice(&self.encryption).expect("RC4 takes keys of 16 bytes");
        stream.apply_keystream(&mut data);
        data
    }

    /// The message authentication code over plain data (`5.1.5`).
    pub fn mac(&self, data: &[u8]) -> [u8; 16] {
        let length = u32::try_from(data.len()).unwrap_or(u32::MAX).to_le_bytes();
        let inner = Sha1::new()
            .chain_update(self.mac_salt)
            .chain_update([0x36; 40])
            .chain_update(length)
            .chain_update(data)
            .finalize();
        Md5::new()
            .chain_update(self.mac_salt)
            .chain_update([0x5c; 48])
            .chain_update(inner)
            .finalize()
            .into()
    }
}

/// Fills `out` with bytes that follow from `seed` and `label`.
pub(super) fn expand_seed(seed: &[u8; 32], label: &str, out: &mut [u8]) {
    for (index, chunk) in (0u32..).zip(out.chunks_mut(20)) {
        let block = Sha1::new()
            .chain_update(seed)
            .chain_update(label)
            .chain_update(index.to_le_bytes())
            .finalize();
        chunk.copy_from_slice(&block[..chunk.len()]);
    }
}

/// 16 bytes that tell a machine of this name from others.
pub(super) fn machine_digest(name: &str) -> [u8; 16] {
    Md5::digest(name).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed from the formulas of 5.1.2 to 5.1.5 with Python's hashlib and RC4 written out.
    #[test]
    fn keys_cipher_and_code_follow_the_formulas() {
        let premaster = std::array::from_fn(|index| index as u8);
        let client_random = [0xc1; 32];
        let server_random = [0x5e; 32];
        let keys = LicenseKeys::derive(&premaster, &client_random, &server_random);
        assert_eq!(hex(&keys.mac_salt), "79bdcc921301690956da5052895b4630");
        assert_eq!(hex(&keys.encryption), "610c67be244812e64cc550e5368442f1");
        assert_eq!(hex(&keys.crypt(b"TEST")), "1c74cf01");
        assert_eq!(hex(&keys.mac(b"TEST")), "cb39554041803cb161ec4116d2bd87c4");
        assert_eq!(keys.crypt(&keys.crypt(b"TEST")), b"TEST");
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
