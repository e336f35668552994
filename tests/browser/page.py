"""A task's page in the browser, used with the keyboard."""

import io
import json
from pathlib import Path
from typing import Any

import httpx
from PIL import Image
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

SIZES = {"light": 900, "dark": 900, "narrow": 360, "wide": 1400}


class Page:
    """A task's page in the browser."""

    def __init__(self, browser: Any, url: str) -> None:
        self.browser, self.url = browser, url
        self.look("light")
        browser.get(url)
        self.wait()

    def __call__(self, selector: str) -> list[WebElement]:
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def texts(self, selector: str) -> list[str]:
        return [each.get_property("textContent") for each in self(selector)]

    def wait(self) -> None:
        """Waits for an answer or an error; before it asks the page is not busy, either."""
        WebDriverWait(self.browser, 60, 0.02).until(
            lambda _: self("#view > *, #error > *") and self("#result[aria-busy=false]")
        )

    def fill(self, record: dict[str, Any]) -> None:
        """Types a record, in the place of what stands in the form."""
        for key, value in record.items():
            if isinstance(value, list):
                self.fill_list(value)
            else:
                self.type(self(f"#field-{key}")[0], str(value))

    def fill_list(self, values: list[str]) -> None:
        for remove in self(".list button"):
            remove.send_keys(Keys.ENTER)
        for value in values:
            self(".list + button")[0].send_keys(Keys.ENTER)
            self.browser.switch_to.active_element.send_keys(value)

    def type(self, control: WebElement, text: str) -> None:
        control.send_keys(Keys.CONTROL, "a")
        # A driver cannot type characters beyond the first plane.
        self.browser.execute_cdp_cmd("Input.insertText", {"text": text})

    def switch_on(self, *explanations: str) -> None:
        """Asks for what explains the answer, and waits for it."""
        for each in explanations:
            self(f"#{each}-switch")[0].send_keys(Keys.SPACE)
            self.wait_for(each)

    def wait_for(self, explanation: str) -> None:
        WebDriverWait(self.browser, 60, 0.02).until(
            lambda _: self(f"#{explanation}-view[aria-busy=false] > *") or self("#error > *")
        )

    def submit(self, control: WebElement) -> None:
        control.send_keys(Keys.CONTROL, Keys.ENTER)
        self.wait()

    def example(self) -> dict[str, Any]:
        return httpx.get(f"{self.url}about").json()["example"]

    def text_without(self, selector: str, left_out: str) -> str:
        script = """
            const copy = document.querySelector(arguments[0]).cloneNode(true);
            copy.querySelectorAll(arguments[1]).forEach((part) => part.remove());
            return copy.textContent;
        """
        return self.browser.execute_script(script, selector, left_out)

    def answer(self) -> dict[str, Any]:
        return json.loads(self.texts("#json")[0])

    def look(self, name: str) -> None:
        scheme = {"name": "prefers-color-scheme", "value": "dark" if name == "dark" else "light"}
        still = {"name": "prefers-reduced-motion", "value": "reduce"}
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme, still]})
        self.resize(SIZES[name], 600)

    def resize(self, width: int, height: int) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def picture(self, name: str, path: Path) -> None:
        self.look(name)
        self.browser.execute_script("document.activeElement.blur()")
        height = self.browser.execute_script("return document.documentElement.scrollHeight")
        self.resize(SIZES[name], height)
        seen = Image.open(io.BytesIO(self.browser.get_screenshot_as_png()))
        seen.convert("RGB").quantize(128).save(path, optimize=True)
