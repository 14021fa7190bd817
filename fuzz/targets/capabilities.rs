#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| oriel_fuzz::pdus::capabilities(data));
