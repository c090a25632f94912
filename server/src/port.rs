//! Who holds a TCP port, as far as `/proc` tells. Only for the text of one error.

use std::{fs, path::Path};

/// The process that listens on `port`, in words; none where it cannot be seen.
pub(crate) fn holder(port: u16) -> Option<String> {
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .find_map(|table| listening_inode(&table, port))?;
    let socket = format!("socket:[{inode}]");
    fs::read_dir("/proc")
        .ok()?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .map(|id| (id, Path::new("/proc").join(id.to_string())))
        .filter(|(_, process)| holds(process, &socket))
        .find_map(|(id, process)| {
            let name = fs::read_to_string(process.join("comm")).ok()?;
            Some(format!("{} (process {id})", name.trim()))
        })
}

/// The inode of the socket that listens on `port` in a table of `/proc/net/tcp`.
fn listening_inode(table: &str, port: u16) -> Option<String> {
    const LISTEN: &str = "0A";
    let wanted = format!("{port:04X}");
    table.lines().skip(1).find_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let local = fields.next()?;
        let state = fields.nth(1)?;
        let inode = fields.nth(5)?;
        let (_, local_port) = local.split_once(':')?;
        (state == LISTEN && local_port == wanted).then(|| inode.to_owned())
    })
}

/// Whether a process has this socket open. One that we may not look into does not.
fn holds(process: &Path, socket: &str) -> bool {
    fs::read_dir(process.join("fd"))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|descriptor| fs::read_link(descriptor.path()).ok())
        .any(|target| target.as_os_str() == socket)
}

#[cfg(test)]
mod tests {
    //! The table's format, from a real machine.

    use super::listening_inode;

    const TABLE: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0BB8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0000000000000000 100 0 0 10 0
   1: 0100007F:0BB9 0100007F:D3A2 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0000000000000000 100 0 0 10 0";

    #[test]
    fn only_a_listening_socket_counts() {
        assert_eq!(listening_inode(TABLE, 3000).as_deref(), Some("4711"));
        assert_eq!(listening_inode(TABLE, 3001), None);
        assert_eq!(listening_inode("", 3000), None);
    }
}
