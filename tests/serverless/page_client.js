// A person with a browser: opens the page, chooses a photo, drops another, drops something that is no photo.
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
    assert.match(await page.textContent("#message"), /5 bytes.*JPEG/);
    assert.strictEqual(await page.$("#message b"), null);
    await drop(fs.readFileSync(photo), "again.jpg", "image/jpeg");
    await answered(5);
    assert.strictEqual(await page.$("#message.error"), null);

    assert.deepStrictEqual(elsewhere, []);
    // The browser itself notes the 415 that was asked for.
    assert.deepStrictEqual(problems.filter(text => !/status of 415/.test(text)), []);
    console.log("ok: chosen, dropped and refused");
  } finally {
    await browser.close();
  }
})().catch(error => {
  console.error(error);
  process.exit(1);
});
