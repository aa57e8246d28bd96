// Opens every page of target/book in headless Chromium, in each theme and at two widths, and fails on: a console error,
// a request to another host or one that finds nothing, a page that scrolls sideways, a formula that was not rendered,
// text of a figure that is hard to read on its page, a figure without words for a screen reader.
//
//     node tests/browser/check.mjs [--screenshots FOLDER] [PAGE …]

import { chromium } from "playwright-core";
import { createServer } from "node:http";
import { readFile, readdir, mkdir } from "node:fs/promises";
import { existsSync } from "node:fs";
import { extname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const BOOK = resolve(fileURLToPath(import.meta.url), "../../../target/book");
const THEMES = ["light", "rust", "coal", "navy", "ayu"];
const WIDTHS = [360, 1280];
const CONTRAST = 4.5;
const TYPES = {
    ".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml",
    ".woff2": "font/woff2", ".png": "image/png", ".json": "application/json",
};

const words = process.argv.slice(2);
const at = words.indexOf("--screenshots");
const screenshots = at < 0 ? null : resolve(words.splice(at, 2)[1]);
const only = words;

async function pagesUnder(folder) {
    const pages = [];
    for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
        if (entry.isFile() && entry.name.endsWith(".html")) {
            pages.push(relative(BOOK, join(entry.parentPath ?? entry.path, entry.name)));
        }
    }
    return pages.filter((page) => !/(^|\/)(toc|404)\.html$/.test(page)).sort();
}

function browserPath() {
    const candidates = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
    const found = candidates.find((path) => path && existsSync(path));
    if (!found) throw new Error("no Chromium found: install it or name it in the variable CHROMIUM");
    return found;
}

// Runs in the page.
function inspect(limit) {
    const faults = [];
    const overflow = document.documentElement.scrollWidth - document.documentElement.clientWidth;
    if (overflow > 1) {
        const culprits = [...document.querySelectorAll("main *")]
            .filter((element) => element.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
            .slice(0, 3)
            .map((element) => `${element.tagName.toLowerCase()}.${element.getAttribute("class") ?? ""}`);
        faults.push(`scrolls sideways by ${overflow} px (${culprits.join(", ")})`);
    }
    if (document.querySelector(".katex-error") || document.querySelector("main")?.textContent.includes("ParseError")) {
        faults.push("a formula was not rendered");
    }

    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const rgba = (colour) => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        return canvas.getImageData(0, 0, 1, 1).data;
    };
    const luminance = (colour) => {
        const [r, g, b] = [...rgba(colour)].map((value) => {
            const part = value / 255;
            return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = luminance(getComputedStyle(document.documentElement).getPropertyValue("--bg").trim());
    const contrast = (colour) => {
        const front = luminance(colour);
        return (Math.max(front, behind) + 0.05) / (Math.min(front, behind) + 0.05);
    };
    // A halo is a copy of its text in the colour of the page, under it.
    for (const text of document.querySelectorAll("main figure svg text:not([stroke])")) {
        const found = contrast(getComputedStyle(text).fill);
        if (found < limit) {
            faults.push(`figure text "${text.textContent.trim()}" has contrast ${found.toFixed(2)}, at least ${limit} needed`);
        }
    }
    for (const paragraph of document.querySelectorAll("main p, main figcaption, main summary, main .sym-u, main .sym-x, main .sym-y, main .sym-delta")) {
        const found = contrast(getComputedStyle(paragraph).color);
        if (found < limit) {
            faults.push(`text "${paragraph.textContent.trim().slice(0, 30)}" has contrast ${found.toFixed(2)}`);
            break;
        }
    }
    for (const svg of document.querySelectorAll("main figure svg:not(.katex svg)")) {
        if (!svg.getAttribute("aria-label")) faults.push("a figure has no aria-label");
        // On a phone the words of a figure grow, and may stand in the margin of the page beside it.
        const grown = getComputedStyle(svg).overflow === "visible";
        const picture = svg.getBoundingClientRect();
        const box = grown
            ? { left: 0, right: window.innerWidth, top: picture.top - 4, bottom: picture.bottom + 4 }
            : picture;
        for (const text of svg.querySelectorAll("text")) {
            const part = text.getBoundingClientRect();
            if (part.left < box.left - 1 || part.right > box.right + 1 || part.top < box.top - 2 || part.bottom > box.bottom + 2) {
                faults.push(`figure text "${text.textContent.trim()}" leaves its picture`);
            }
        }
    }
    return faults;
}

const server = createServer(async (request, response) => {
    const url = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
    const path = join(BOOK, url.endsWith("/") ? `${url}index.html` : url);
    try {
        const body = await readFile(path);
        response.writeHead(200, { "Content-Type": TYPES[extname(path)] ?? "application/octet-stream" });
        response.end(body);
    } catch {
        response.writeHead(404);
        response.end();
    }
});
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const origin = `http://127.0.0.1:${server.address().port}`;

const browser = await chromium.launch({
    executablePath: browserPath(),
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync"],
});
if (screenshots) await mkdir(screenshots, { recursive: true });

const faults = new Set();
let visits = 0;
const all = only.length ? only : await pagesUnder(BOOK);
for (const width of WIDTHS) {
    const context = await browser.newContext({ viewport: { width, height: 900 } });
    await context.addInitScript(() => { window.print = () => {}; });
    const tab = await context.newPage();
    let current = "";
    tab.on("console", (message) => {
        if (message.type() === "error") faults.add(`${current}: console: ${message.text()}`);
    });
    tab.on("pageerror", (error) => faults.add(`${current}: ${error.message}`));
    tab.on("request", (request) => {
        if (!request.url().startsWith(origin) && !/^(data|blob):/.test(request.url())) faults.add(`${current}: asks ${request.url()}`);
    });
    tab.on("response", (response) => {
        if (response.status() >= 400) faults.add(`${current}: nothing at ${response.url().slice(origin.length)}`);
    });
    for (const page of all) {
        // The print page repeats the others: one look is enough.
        const print = page.endsWith("print.html");
        if (print && width !== WIDTHS.at(-1)) continue;
        current = page;
        await tab.goto(`${origin}/${page}`, { waitUntil: "load" });
        await tab.evaluate(() => document.fonts.ready.then(() => true));
        for (const theme of print ? THEMES.slice(0, 1) : THEMES) {
            await tab.evaluate(([theme, themes]) => {
                document.documentElement.classList.remove(...themes);
                document.documentElement.classList.add(theme);
            }, [theme, THEMES]);
            for (const fault of await tab.evaluate(inspect, CONTRAST)) faults.add(`${page} (${theme}, ${width} px): ${fault}`);
            if (screenshots && !print) {
                const name = page.replaceAll("/", "_").replace(/\.html$/, "");
                await tab.screenshot({ path: join(screenshots, `${name}.${theme}.${width}.png`), fullPage: true });
            }
            visits += 1;
        }
    }
    await context.close();
}

// The book opens from disk as well: the same first page, no server.
const context = await browser.newContext();
const tab = await context.newPage();
tab.on("console", (message) => {
    if (message.type() === "error") faults.add(`from disk: console: ${message.text()}`);
});
await tab.goto(`file://${join(BOOK, "index.html")}`, { waitUntil: "load" });
if (!(await tab.locator("main h1").count())) faults.add("from disk: the first page has no title");
await browser.close();
server.close();

for (const fault of faults) console.error(fault);
console.log(`browser: ${all.length} pages, ${visits} visits, ${faults.size} faults`);
process.exit(faults.size ? 1 : 0);
