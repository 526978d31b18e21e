"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const show = (node, shown) => { node.hidden = !shown; };
  const fixed = document.body.dataset.rater;
  const KEYS = {
    1: "1", ArrowLeft: "1", 2: "2", ArrowRight: "2", 0: "tie", ArrowDown: "tie",
    s: "skip", u: "undo", r: "reference", "?": "help",
  };
  let rater = fixed || sessionStorage.getItem("rater") || "";
  let pair = null;      // what is shown
  let canUndo = false;
  let since = 0;        // when it was first shown
  let sawReference = false;
  let busy = false;
  let again = null;     // what failed and can be tried again

  async function ask(what, more, words) {
    if (busy) return;
    busy = true;
    enable();
    try {
      const reply = await fetch(what, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ rater, ...more }),
      });
      const data = await reply.json();
      if (!reply.ok) throw new Error(data.error);
      show($("trouble"), false);
      $("said").textContent = words || "";
      draw(data);
    } catch (error) {
      const gone = error instanceof TypeError;
      $("trouble").querySelector("span").textContent = gone
        ? "ft does not answer. The votes up to here are kept; start ft judge again to go on."
        : error.message;
      again = () => ask(what, more, words);
      show($("trouble"), true);
      if (!rater || !pair) begin();
    } finally {
      busy = false;
      enable();
    }
  }

  function enable() {
    for (const button of document.querySelectorAll("#keys button, #reopen")) button.disabled = busy;
    $("undo").disabled = busy || !canUndo;
  }

  function begin() {
    if (fixed) return;
    show($("start"), true);
    show($("vote"), false);
    $("name").focus();
  }

  function text(node, content) {
    node.textContent = content || "(empty)";
    node.classList.toggle("empty", !content);
  }

  function turn({ role, text: content }, only) {
    const box = document.createElement("div");
    if (!only) {
      const title = document.createElement("h3");
      title.textContent = { user: "User", assistant: "Assistant", system: "System" }[role] || role;
      box.append(title);
    }
    const body = document.createElement("div");
    body.className = role === "system" ? "text system" : "text";
    body.dir = "auto";
    text(body, content);
    box.append(body);
    return box;
  }

  function draw(state) {
    rater = state.rater;
    if (!fixed) sessionStorage.setItem("rater", rater);
    pair = state.pair;
    canUndo = state.can_undo;
    show($("start"), false);
    for (const id of ["who", "bar", "help-open", "keys"]) show($(id), true);
    show($("vote"), pair !== null);
    show($("done"), pair === null);
    for (const button of document.querySelectorAll("[data-choice]")) show(button, pair !== null);
    $("bar").max = state.total;
    $("bar").value = state.voted;
    const skipped = state.skipped ? `, ${state.skipped} skipped` : "";
    $("who").textContent = `${rater}: ${state.voted} of ${state.total}${skipped}`;
    if (pair) drawPair();
    else drawDone(state);
    window.scrollTo(0, 0);
  }

  function drawPair() {
    const only = pair.prompt.length === 1;
    $("asked").replaceChildren(...pair.prompt.map((item) => turn(item, only)));
    text($("answer-1"), pair.answers[0]);
    text($("answer-2"), pair.answers[1]);
    show($("reference"), pair.reference !== "");
    $("reference").open = false;
    $("reference").querySelector(".text").textContent = pair.reference;
    sawReference = false;
    since = performance.now();
    $("asked-title").focus({ preventScroll: true });
  }

  function drawDone(state) {
    const title = $("done").querySelector("h2");
    $("done").querySelector("p").textContent = state.skipped
      ? `${state.voted} of ${state.total} rows have your vote, ${state.skipped} were skipped.`
      : `All ${state.total} rows have your vote. Thank you; you can close this page.`;
    show($("reopen").parentElement, state.skipped > 0);
    title.focus({ preventScroll: true });
  }

  function choose(choice) {
    if (!pair || busy) return;
    const words = { 1: "Answer 1 it is.", 2: "Answer 2 it is.", tie: "A tie.", skip: "Skipped." };
    const seconds = (performance.now() - since) / 1000;
    const reference = sawReference || $("reference").open; // its event may still be on the way
    ask("vote", { row: pair.row, choice, reference, seconds }, words[choice]);
  }

  function toggleReference() {
    $("reference").open = !$("reference").open;
    sawReference = true; // either way it was seen
  }

  const undo = () => { if (canUndo) ask("undo", {}, "Taken back."); };

  for (const button of document.querySelectorAll("[data-choice]")) {
    button.addEventListener("click", () => choose(button.dataset.choice));
  }
  $("undo").addEventListener("click", undo);
  $("reopen").addEventListener("click", () => ask("reopen", {}));
  $("retry").addEventListener("click", () => again && again());
  $("help-open").addEventListener("click", () => $("help").showModal());
  $("reference").addEventListener("toggle", () => {
    if ($("reference").open) sawReference = true;
  });
  $("start").addEventListener("submit", (event) => {
    event.preventDefault();
    rater = $("name").value;
    ask("state", {});
  });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || event.isComposing) return;
    if ($("help").open || event.target.matches("input")) return;
    const what = KEYS[event.key] || KEYS[event.key.toLowerCase()];
    if (!what || $("keys").hidden || (!$("shortcuts").checked && what !== "help")) return;
    event.preventDefault();
    if (what === "help") $("help").showModal();
    else if (what === "undo") undo();
    else if (what === "reference") {
      if (pair && pair.reference) toggleReference();
    } else choose(what);
  });

  if (rater) ask("state", {});
  else begin();
})();
