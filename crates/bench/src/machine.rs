//! What all this ran on.

use std::fs;
use std::process::Command;

use crate::{Options, Result, cpu};

pub(crate) struct Machine {
    pub(crate) lines: Vec<(&'static str, String)>,
}

impl Machine {
    pub(crate) fn look(options: &Options) -> Result<Self> {
        let module = fs::metadata(&options.module)?.len() / 1024;
        let cpu = read("/proc/cpuinfo", "model name").unwrap_or_default();
        let memory = read("/proc/meminfo", "MemTotal").unwrap_or_default();
        let system = read("/etc/os-release", "PRETTY_NAME").unwrap_or_default();
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
        let nginx = Command::new(&options.nginx).arg("-v").output()?.stderr;
        let nginx = String::from_utf8_lossy(&nginx);
        Ok(Self {
            lines: vec![
                ("processors", format!("{} × {}", cpu::count(), cpu)),
                ("memory", memory),
                ("system", format!("{}, Linux {}", system.trim_matches('"'), kernel.trim())),
                ("NGINX", nginx.trim().trim_start_matches("nginx version: nginx/").to_owned()),
                (
                    "this module",
                    format!("{}, {module} KiB, profile dist", env!("CARGO_PKG_VERSION")),
                ),
                ("Lua", package("libnginx-mod-http-lua")),
                ("njs", package("libnginx-mod-http-js")),
            ],
        })
    }
}

/// The value of the first line that begins with a name.
fn read(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim_start_matches([' ', '\t', ':', '=']).trim().to_owned())
}

fn package(name: &str) -> String {
    let output = Command::new("dpkg-query").args(["-W", "-f", "${Version}", name]).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
}
