//! `seeds TARGET FOLDER`: writes the seeds of a target; without arguments, lists the targets.

use std::{fs, io, path::PathBuf};

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(name), Some(folder)) = (arguments.next(), arguments.next()) else {
        for target in oriel_fuzz::TARGETS {
            println!("{}", target.name);
        }
        return Ok(());
    };
    let target = oriel_fuzz::TARGETS
        .iter()
        .find(|target| target.name == name)
        .ok_or_else(|| io::Error::other(format!("no target {name}")))?;
    let folder = PathBuf::from(folder);
    fs::create_dir_all(&folder)?;
    for (index, seed) in (target.seeds)().into_iter().enumerate() {
        fs::write(folder.join(format!("seed-{index:03}")), seed)?;
    }
    Ok(())
}
