"""A drawing as one SVG file: paths and text, no script, nothing from elsewhere; names of shapes are their tooltips."""

from __future__ import annotations

from html import escape

from lab.domain.text import clean
from lab.pipelines.shapes import Area, Drawing, Shape, Spot, Stroke, Words


def to_svg(drawing: Drawing) -> str:
    """The whole file."""
    size = f'width="{drawing.width}" height="{drawing.height}" viewBox="0 0 {drawing.width} {drawing.height}"'
    body = "\n".join(_shape(shape) for shape in drawing.shapes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" '
        "font-family=\"system-ui, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif\">\n"
        f"<title>{_safe(drawing.title)}</title>\n"
        f'<rect width="100%" height="100%" fill="{drawing.back}"/>\n{body}\n</svg>\n'
    )


def _safe(text: str) -> str:
    return escape(clean(text, 300), quote=True)


def _shape(shape: Shape) -> str:
    match shape:
        case Stroke(points, colour, width, part, dash, name):
            dashes = f' stroke-dasharray="{dash:g}"' if dash else ""
            how = f'fill="none" stroke="{colour}" stroke-width="{width:g}"{_part(part)}{dashes}'
            return _element("path", f'd="M{_path(points)}" {how} stroke-linejoin="round"', name)
        case Area(points, colour, part, name):
            return _element("path", f'd="M{_path(points)}Z" fill="{colour}"{_part(part)}', name)
        case Spot((x, y), radius, colour, part, name):
            return _element("circle", f'cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" fill="{colour}"{_part(part)}', name)
        case Words((x, y), text, colour, size, anchor, bold):
            weight = ' font-weight="600"' if bold else ""
            where = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
            return f'<text {where} font-size="{size:g}" fill="{colour}"{weight}>{_safe(text)}</text>'


def _path(points: tuple[tuple[float, float], ...]) -> str:
    return "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _part(part: float) -> str:
    return f' opacity="{part:g}"' if part < 1 else ""


def _element(kind: str, attributes: str, name: str) -> str:
    return f"<{kind} {attributes}><title>{_safe(name)}</title></{kind}>" if name else f"<{kind} {attributes}/>"
