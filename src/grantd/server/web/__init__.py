"""What people see: pages, words, styles, and the files that go with them."""

from grantd.server.web.assets import static_files
from grantd.server.web.colours import accent_problem, brand_css
from grantd.server.web.pages import JinjaPages

__all__ = ["JinjaPages", "accent_problem", "brand_css", "static_files"]
