//! Where the password comes from: standard input, the environment or the terminal; never argv.

use std::io::{self, BufRead, IsTerminal};

use oriel_protocol::secret::Secret;
use zeroize::Zeroizing;

/// The variable that holds a password.
pub const PASSWORD_VARIABLE: &str = "ORIEL_PASSWORD";

/// Finds the password for `user` on `server`.
///
/// With `from_stdin` the first line of standard input is the password. Else [`PASSWORD_VARIABLE`]
/// counts, and then the terminal asks, if there is one and a user to ask for. What is empty in
/// the end means that the server shows its own sign-in screen, if it has one.
pub fn obtain(from_stdin: bool, user: &str, server: &str) -> io::Result<Secret> {
    if from_stdin {
        return read_line(&mut io::stdin().lock());
    }
    if let Some(password) = from_environment() {
        return Ok(password);
    }
    if user.is_empty() || !io::stdin().is_terminal() {
        return Ok(Secret::default());
    }
    rpassword::prompt_password(format!("Password of {user} on {server}: ")).map(Secret::new)
}

/// The password in [`PASSWORD_VARIABLE`].
pub fn from_environment() -> Option<Secret> {
    std::env::var(PASSWORD_VARIABLE).ok().map(Secret::new)
}

/// The first line, without its end.
fn read_line(input: &mut impl BufRead) -> io::Result<Secret> {
    let mut line = Zeroizing::new(String::new());
    input.read_line(&mut line)?;
    Ok(Secret::new(line.trim_end_matches(['\r', '\n'])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_the_line_is_cut_off_a_password() {
        let read = |text: &str| read_line(&mut text.as_bytes()).unwrap().expose().to_owned();
        assert_eq!(read(" pass word \r\nnext\n"), " pass word ");
        assert_eq!(read("pass"), "pass");
        assert_eq!(read(""), "");
    }
}
