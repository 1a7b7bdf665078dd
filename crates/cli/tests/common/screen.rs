//! What appears on a terminal.

use std::fs::File;
use std::io::Read;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// What has appeared on a terminal so far.
#[derive(Clone, Default)]
pub struct Screen(Arc<Mutex<String>>);

impl Screen {
    pub fn watch(&self, mut controller: File) -> JoinHandle<()> {
        let seen = Arc::clone(&self.0);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // A terminal that nobody has open any more ends with an error.
            while let Ok(length @ 1..) = controller.read(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..length]);
                seen.lock().unwrap().push_str(&text);
            }
        })
    }

    pub fn text(&self) -> String {
        self.0.lock().unwrap().clone()
    }
}
