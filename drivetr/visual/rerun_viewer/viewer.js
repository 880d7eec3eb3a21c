// Opens the recording beside this page in Rerun's viewer, at the frame of `#frame=N`.
"use strict";

const message = document.getElementById("message");
const last_frame = Number(document.body.dataset.frames) - 1;
const TIMELINE = "frame";
const LOOK_AGAIN_MS = 100;

async function open_recording() {
  await wasm_bindgen({ module_or_path: "re_viewer_bg.wasm" });
  const url = new URL(document.body.dataset.recording, location.href).href;
  const viewer = new wasm_bindgen.WebHandle(
    { url: [url], hide_welcome_screen: true, enable_history: false, persist: false });
  await viewer.start(document.getElementById("viewer"));
  message.remove();
  show_frame(viewer);
  window.addEventListener("hashchange", () => show_frame(viewer));
}

// The viewer reads the recording bit by bit: the frame is there when all of them are.
function show_frame(viewer) {
  const recording = viewer.get_active_recording_id();
  const range = recording && viewer.get_timeline_time_range(recording, TIMELINE);
  if (!range || range.max < last_frame) {
    setTimeout(() => show_frame(viewer), LOOK_AGAIN_MS);
    return;
  }
  const wanted = Number(new URLSearchParams(location.hash.slice(1)).get("frame")) || 0;
  const frame = Math.min(Math.max(Math.round(wanted), 0), last_frame);
  viewer.set_playing(recording, false);
  viewer.set_active_timeline(recording, TIMELINE);
  viewer.set_time_for_timeline(recording, TIMELINE, frame);
  document.body.dataset.shown = String(frame);
}

open_recording().catch((error) => {
  message.textContent = `This browser cannot show the recording: ${error}`;
});
