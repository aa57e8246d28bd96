// Small comforts that need no framework: wide blocks can be scrolled by keyboard, equations carry their number,
// the printed book shows what is folded on the screen.
(() => {
    for (const equation of document.querySelectorAll(".equation[id]")) {
        equation.dataset.number = equation.id.replace(/^eq-/, "").replace("-", ".");
    }
    for (const wide of document.querySelectorAll("main pre > code, main .katex-display, main .table-wrapper")) {
        if (wide.scrollWidth > wide.clientWidth) {
            wide.tabIndex = 0;
        }
    }
    window.addEventListener("beforeprint", () => {
        for (const folded of document.querySelectorAll("main details")) {
            folded.open = true;
        }
    });
})();
