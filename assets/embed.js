/* embed.js of Universal P2P: media of peer-to-peer networks in a web page. Copy it to your own server.

     <script src="embed.js" defer></script>
     <video controls data-p2p="bittorrent/v0/stream/<infohash>/film.mp4"></video>
     <img alt="A picture" data-p2p="bittorrent/v0/stream/<infohash>/photos.zip/1.jpg">
     <a data-p2p="bittorrent/v0/stream/<infohash>/film.mp4">The film</a>

   An element gets its address once the program has answered. Before that a line behind the first element in view says what the
   visitor can do: allow the page to reach the program (browsers ask once for each site, and only after a click here), open the
   program's own page, which needs no permission, or install the program. A link becomes one to that page at once.

   Another address, place to get the program, or wording: set window.universalP2P before this script.

     window.universalP2P = { addr: "127.0.0.1:7788", install: "https://example.org/get-it", words: { allow: "Zeigen" } };
*/
(() => {
  "use strict";
  const given = window.universalP2P || {};
  const addr = given.addr || "127.0.0.1:7788";
  const install = given.install || "https://github.com/zeronetscript/universal_p2p";
  const words = Object.assign({
    ask: "This comes from other people's computers by way of a program on yours, Universal P2P. The browser asks once whether this site may reach it.",
    allow: "Show it",
    denied: "The browser keeps this site from reaching Universal P2P on this computer. Allow it in the settings of the site (apps on this device), and load the page again.",
    absent: "To see this, the program Universal P2P has to run on this computer.",
    again: "Try again",
    open: "Open it on a page of the program",
    install: "Get the program",
  }, given.words);

  const address = (path) => "http://" + addr + "/" + path.replace(/^\/+/, "");
  const page = (path) => address(path).replace(/^(http:\/\/[^/]+\/[^/]+\/[^/]+\/)stream\//, "$1play/");

  // permission is "granted", "prompt" or "denied", and "" where the browser asks nobody: it knows no such thing, or the page is on this
  // computer itself, where Chromium says "prompt" all the same.
  async function permission() {
    if (/^(127(\.\d+){3}|\[::1\]|(.+\.)?localhost)$/.test(location.hostname)) return "";
    for (const name of ["loopback-network", "local-network-access"]) {
      try {
        return (await navigator.permissions.query({ name })).state;
      } catch { /* another browser, or an older one */ }
    }
    return "";
  }

  // answers reports whether the program is there. While the browser asks the visitor it waits, for as long as that takes.
  async function answers(patience) {
    const abort = new AbortController();
    const timer = patience && setTimeout(() => abort.abort(), patience);
    try {
      return (await fetch(address("api/v0/ping"), { signal: abort.signal, cache: "no-store", credentials: "omit" })).ok;
    } catch {
      return false;
    } finally {
      clearTimeout(timer);
    }
  }

  const waiting = new Set(); // elements without their address

  function show(element) {
    waiting.delete(element);
    element.crossOrigin = "anonymous"; // so that the program knows which site asks, and scripts may read what comes
    element.src = address(element.dataset.p2p);
  }

  let note = null; // a line on the page

  // say puts a line behind the first element that waits: what is the matter, and what can be done.
  function say(text, ...actions) {
    note?.remove();
    note = null;
    const [first] = waiting;
    if (!text || !first) return;
    note = document.createElement("p");
    note.className = "universal-p2p";
    note.setAttribute("role", "status");
    note.append(text);
    for (const [label, what] of actions) {
      const control = document.createElement(typeof what === "string" ? "a" : "button");
      control.textContent = label;
      if (typeof what === "string") {
        control.href = what;
        control.target = "_blank";
        control.rel = "noopener";
      } else {
        control.type = "button";
        control.addEventListener("click", what);
      }
      note.append(" ", control);
    }
    first.after(note);
  }

  async function begin(clicked) {
    if (waiting.size === 0) return;
    const [first] = waiting;
    const open = [words.open, page(first.dataset.p2p)];
    const state = await permission();
    if (state === "denied") return say(words.denied, open);
    if (state === "prompt" && !clicked) return say(words.ask, [words.allow, () => begin(true)], open);
    if (await answers(state === "prompt" ? 0 : 5000)) {
      say("");
      for (const element of [...waiting]) show(element);
    } else if (await permission() === "denied") {
      say(words.denied, open);
    } else {
      say(words.absent, [words.again, () => begin(true)], [words.install, install], open);
    }
  }

  function take(root) {
    for (const element of root.querySelectorAll("[data-p2p]")) {
      if (element.localName === "a") element.href = page(element.dataset.p2p);
      else if (!element.src) waiting.add(element);
    }
    return begin(false);
  }

  // For pages that add elements later: universalP2P.take(document).
  window.universalP2P = Object.assign(given, { take });
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", () => take(document));
  else take(document);
})();
