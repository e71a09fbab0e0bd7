// A person with a browser: opens the page, chooses a photo, drops another, pastes, drops other formats, photos that lie on
// their side and files that are not photos; on a phone's screen and in dark mode.
//   node page_client.js URL CHROMIUM PHOTO [SCREENSHOT]
const assert = require("assert");
const fs = require("fs");
const { chromium } = require("playwright-core");

const [url, executablePath, photo, screenshot] = process.argv.slice(2);
const args = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
              "--disable-background-networking", "--disable-component-update", "--disable-sync"];

(async () => {
  const browser = await chromium.launch({ executablePath, args });
  try {
    const page = await browser.newPage({ viewport: { width: 760, height: 820 } });
    const problems = [];
    const elsewhere = [];
    page.on("pageerror", error => problems.push(String(error)));
    page.on("console", message => message.type() === "error" && problems.push(message.text()));
    page.on("request", request => {
      if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(url)) elsewhere.push(request.url());
    });
    await page.addInitScript(() => {  // what is sent; the browser does not show the body of a file
      const send = window.fetch;
      window.sent = [];
      window.fetch = async (resource, options) => {
        const bytes = new Uint8Array(await options.body.arrayBuffer());
        window.sent.push(btoa(bytes.reduce((text, byte) => text + String.fromCharCode(byte), "")));
        return send(resource, options);
      };
    });
    await page.goto(url);
    assert.match(await page.textContent("h1"), /photo/);

    const answered = count => page.waitForFunction(n => document.querySelectorAll("#classes li").length === n, count);
    await page.setInputFiles("#file", photo);
    await answered(5);
    const bars = await page.$$eval(".bar", all => all.map(bar => bar.getBoundingClientRect().width));
    assert.deepStrictEqual(bars, [...bars].sort((a, b) => b - a));
    assert(bars[0] > 1);
    const timings = await page.textContent("#timings");
    for (const stage of ["decodeImage", "imageToInput", "classify", "main"]) assert(timings.includes(stage), timings);
    assert(await page.$eval("#photo", image => image.naturalWidth > 0));
    if (screenshot) await page.screenshot({ path: screenshot });

    const drop = async (bytes, name, type) => {
      const transfer = await page.evaluateHandle(([text, fileName, fileType]) => {
        const data = new DataTransfer();
        data.items.add(new File([Uint8Array.from(atob(text), c => c.charCodeAt(0))], fileName, { type: fileType }));
        return data;
      }, [bytes.toString("base64"), name, type]);
      await page.dispatchEvent("#drop", "drop", { dataTransfer: transfer });
    };
    assert.deepStrictEqual(problems, []);
    await drop(Buffer.from("hello"), "<b>note</b>.txt", "text/plain");
    await page.waitForSelector("#message.error");
    assert.match(await page.textContent("#message"), /note<.b>.txt is not a picture/);
    assert.strictEqual(await page.$("#message b"), null);
    await drop(fs.readFileSync(photo), "again.jpg", "image/jpeg");
    await answered(5);
    assert.strictEqual(await page.$("#message.error"), null);

    // What the server reads is sent as it is; other pictures are sent as JPEG.
    const sentAfter = async action => {
      const before = await page.evaluate(() => window.sent.length);
      await action();
      await page.waitForFunction(count => window.sent.length > count, before);
      await answered(5);
      return Buffer.from(await page.evaluate(at => window.sent[at], before), "base64");
    };
    const original = fs.readFileSync(photo);
    assert(original.equals(await sentAfter(() => drop(original, "photo.jpg", "image/jpeg"))));
    const made = type => page.evaluate(async wanted => {
      const canvas = Object.assign(document.createElement("canvas"), { width: 60, height: 40 });
      const context = canvas.getContext("2d");
      context.fillStyle = "#3a6";
      context.fillRect(0, 0, 30, 40);
      const blob = await new Promise(resolve => canvas.toBlob(resolve, wanted, 1));
      return btoa(String.fromCharCode(...new Uint8Array(await blob.arrayBuffer())));
    }, type).then(text => Buffer.from(text, "base64"));
    const webp = await made("image/webp");
    assert.strictEqual(webp.toString("latin1", 8, 12), "WEBP");
    const converted = await sentAfter(() => drop(webp, "photo.webp", "image/webp"));
    assert.strictEqual(converted.readUInt16BE(0), 0xffd8);
    const png = await made("image/png");
    assert(png.equals(await sentAfter(() => drop(png, "photo.png", "image/png"))));

    // A photo of 60x40 whose EXIF orientation is 6 is sent as one of 40x60.
    const size = async bytes => page.evaluate(async text => {
      const picture = await createImageBitmap(new Blob([Uint8Array.from(atob(text), c => c.charCodeAt(0))]), { imageOrientation: "none" });
      return [picture.width, picture.height];
    }, bytes.toString("base64"));
    const jpeg = await made("image/jpeg");
    const exif = Buffer.concat([Buffer.from("Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0", "latin1")]);
    const lying = Buffer.concat([jpeg.subarray(0, 2), Buffer.from([0xff, 0xe1, 0, exif.length + 2]), exif, jpeg.subarray(2)]);
    assert(jpeg.equals(await sentAfter(() => drop(jpeg, "flat.jpg", "image/jpeg"))));
    const upright = await sentAfter(() => drop(lying, "lying.jpg", "image/jpeg"));
    assert.deepStrictEqual(await size(upright), [40, 60]);
    assert(!upright.includes("Exif"));

    // A damaged HEIC: the browser cannot open it, and says so in words.
    await drop(Buffer.concat([Buffer.from([0, 0, 0, 24]), Buffer.from("ftypheic"), Buffer.alloc(100)]), "photo.heic", "image/heic");
    await page.waitForSelector("#message.error");
    assert.match(await page.textContent("#message"), /photo.heic is not a picture/);

    // Paste.
    await sentAfter(() => page.evaluate(text => {
      const clipboardData = new DataTransfer();
      clipboardData.items.add(new File([Uint8Array.from(atob(text), c => c.charCodeAt(0))], "pasted.png", { type: "image/png" }));
      document.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
    }, png.toString("base64")));
    assert.strictEqual(await page.textContent("#message"), "pasted.png");

    // A phone: no percentage wraps, and nothing is wider than the screen.
    await page.setViewportSize({ width: 360, height: 740 });
    for (const height of await page.$$eval(".share", all => all.map(share => share.getBoundingClientRect().height))) assert(height < 30);
    assert(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
    if (screenshot) await page.screenshot({ path: screenshot.replace(".png", "-phone.png") });

    // WCAG AA: 4.5:1 for text, in both modes.
    await drop(Buffer.from("hello"), "note.txt", "text/plain");
    await page.waitForSelector("#message.error");
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      const contrasts = await page.evaluate(() => {
        const channels = color => color.match(/[\d.]+/g).slice(0, 3).map(value => value / 255)
          .map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
        const luminance = color => channels(color).reduce((sum, value, i) => sum + value * [0.2126, 0.7152, 0.0722][i], 0);
        const paper = luminance(getComputedStyle(document.body).backgroundColor);
        return ["h1", "small", "#hint", "#message.error", "body", "dl"].map(selector => {
          const ink = luminance(getComputedStyle(document.querySelector(selector)).color);
          return [selector, (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05)];
        });
      });
      for (const [selector, contrast] of contrasts) assert(contrast >= 4.5, `${selector} in ${colorScheme} mode: ${contrast}:1`);
    }

    assert.deepStrictEqual(elsewhere, []);
    assert.deepStrictEqual(problems, []);
    console.log("ok: chosen, dropped, pasted, converted and refused");
  } finally {
    await browser.close();
  }
})().catch(error => {
  console.error(error);
  process.exit(1);
});
