"""The stylesheet of our widgets: JupyterLab's own colours, mended where plain ipywidgets cannot be read.

What it mends, measured in JupyterLab 4.6 with ipywidgets 8.1: white text on the success, info and warning buttons
and grey text on tabs have less than WCAG's contrast of 4.5:1; a drop-down's arrow is drawn in black, which the dark
theme swallows; keyboard focus is hardly seen.
"""

from __future__ import annotations

from ipywidgets import HTML

# Blue, green and red that white text can be read on in both themes (contrast 5.2:1, 5.1:1 and 5.6:1).
_ACCENT, _GOOD, _BAD = "#1667c0", "#1b7a3d", "#c62828"

_ARROW = (
    "%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E"
    "%3Cpath d='M4 6l4 4 4-4' fill='none' stroke='%23808080' stroke-width='2'/%3E%3C/svg%3E"
)

STYLE = f"""
.tk {{ --tk-accent: {_ACCENT}; --tk-good: {_GOOD}; --tk-bad: {_BAD}; --tk-line: var(--jp-border-color2);
  --page: var(--jp-layout-color0);
  color: var(--jp-ui-font-color1); font-family: var(--jp-ui-font-family); font-size: var(--jp-ui-font-size1);
  max-width: 1040px; overflow: visible; }}
.tk .widget-html-content {{ line-height: 1.45; color: var(--jp-ui-font-color1); }}
.tk .tk-style {{ display: none; }}

/* buttons */
.tk .jupyter-button {{ border-radius: 4px; height: 30px; line-height: 30px; padding: 0 14px; width: auto;
  background: var(--jp-layout-color1); color: var(--jp-ui-font-color1); border: 1px solid var(--jp-border-color1);
  box-shadow: none; }}
.tk .jupyter-button:hover:enabled {{ background: var(--jp-layout-color2); box-shadow: none; }}
.tk .jupyter-button.mod-primary, .tk .jupyter-button.mod-info {{ background: var(--tk-accent); color: #fff;
  border-color: var(--tk-accent); }}
.tk .jupyter-button.mod-success {{ background: var(--tk-good); color: #fff; border-color: var(--tk-good); }}
.tk .jupyter-button.mod-danger, .tk .jupyter-button.mod-warning {{ background: var(--tk-bad); color: #fff;
  border-color: var(--tk-bad); }}
.tk .jupyter-button.mod-primary:hover:enabled, .tk .jupyter-button.mod-success:hover:enabled,
.tk .jupyter-button.mod-danger:hover:enabled {{ filter: brightness(1.12); background: var(--tk-accent); }}
.tk .jupyter-button.mod-danger:hover:enabled {{ background: var(--tk-bad); }}
.tk .jupyter-button.mod-success:hover:enabled {{ background: var(--tk-good); }}
.tk .jupyter-button:disabled {{ opacity: 1; background: var(--jp-layout-color2); color: var(--jp-ui-font-color2);
  border-color: var(--jp-border-color2); }}

/* inputs */
.tk .widget-label {{ color: var(--jp-ui-font-color1); }}
.tk input[type=text], .tk input[type=number], .tk select {{ height: 28px; border-radius: 4px;
  border: 1px solid var(--jp-border-color0); background-color: var(--jp-layout-color1);
  color: var(--jp-ui-font-color0); }}
.tk input[type=text], .tk input[type=number] {{ padding: 3px 8px; font-family: var(--jp-code-font-family); }}
.tk input::placeholder {{ color: var(--jp-ui-font-color2); opacity: 1; }}
/* the arrow is an image with a fixed colour: draw one that both themes show */
.tk select {{ padding: 0 26px 0 8px; background-size: 16px; background-position: right 6px center;
  background-repeat: no-repeat;
  background-image: url("data:image/svg+xml,{_ARROW}"); }}
.tk select option {{ background: var(--jp-layout-color1); color: var(--jp-ui-font-color0); }}
.tk input[type=checkbox] {{ accent-color: var(--tk-accent); width: 16px; height: 16px; }}
.tk .jupyter-button:focus-visible, .tk input:focus-visible, .tk select:focus-visible,
.tk summary:focus-visible, .tk a:focus-visible, .tk .lm-TabBar-tab:focus-visible {{
  outline: 2px solid var(--jp-brand-color1); outline-offset: 1px; }}

/* a check box like the other rows: its label left, the box where fields begin */
.tk-row .widget-checkbox .widget-label-basic {{ flex-direction: row-reverse; justify-content: flex-end;
  align-items: center; }}
.tk .widget-checkbox .widget-label-basic {{ display: flex; align-items: center; gap: 8px; }}
.tk .widget-checkbox .widget-label-basic input {{ margin: 0; }}
.tk-row .widget-checkbox .widget-label-basic span {{ width: 148px; text-align: right; flex: none; }}
.tk-space .widget-checkbox .widget-label-basic {{ flex-direction: row; justify-content: flex-start; gap: 6px; }}
.tk-space .widget-checkbox .widget-label-basic span {{ width: auto; margin: 0; }}
.tk-space .widget-hbox {{ column-gap: 8px; padding: 1px 0; }}
.tk-space .widget-label {{ margin-right: 6px; }}
.tk-state {{ margin-left: 10px; }}

/* tabs */
.tk .jupyter-widget-tab > .lm-TabBar {{ overflow: visible; }}
.tk .jupyter-widget-tab > .lm-TabBar .lm-TabBar-content {{ flex-wrap: wrap; border-bottom: 1px solid var(--tk-line); }}
.tk .jupyter-widget-tab > .lm-TabBar .lm-TabBar-tab {{ flex: 0 0 auto; min-width: 0; max-width: none; height: 32px;
  line-height: 32px; padding: 0 12px; margin: 0; border: 0; background: none; box-shadow: none;
  color: var(--jp-ui-font-color1); }}
.tk .jupyter-widget-tab > .lm-TabBar .lm-TabBar-tab::before {{ display: none; }}
.tk .jupyter-widget-tab > .lm-TabBar .lm-TabBar-tab:hover:not(.lm-mod-current) {{
  background: var(--jp-layout-color2); color: var(--jp-ui-font-color0); }}
.tk .jupyter-widget-tab > .lm-TabBar .lm-TabBar-tab.lm-mod-current {{ color: var(--jp-ui-font-color0);
  font-weight: 600; box-shadow: inset 0 -3px 0 var(--jp-brand-color1); }}
.tk .jupyter-widget-tab > .lm-TabBar .lm-TabBar-tabLabel {{ overflow: visible; }}
.tk .jupyter-widget-tab > .widget-tab-contents {{ border: 0; padding: 12px 0 4px; background: none; }}

/* the form */
.tk-row {{ border-left: 3px solid transparent; padding: 3px 0 3px 10px; overflow: visible; }}
.tk-row.tk-changed {{ border-left-color: var(--jp-brand-color1); }}
.tk-row.tk-wrong {{ border-left-color: var(--jp-error-color1); }}
.tk-row.tk-wrong input[type=text], .tk-row.tk-wrong select {{ border-color: var(--jp-error-color1); }}
.tk-help .widget-html-content, .tk-intro {{ color: var(--jp-ui-font-color2); }}
.tk-help {{ padding-left: 14px; }}
.tk-help .widget-html-content {{ line-height: 1.35; }}
.tk-help b {{ color: var(--jp-ui-font-color1); font-weight: 600; }}
.tk-message {{ color: var(--jp-error-color0, var(--jp-error-color1)); padding-left: 160px; }}
[data-jp-theme-light="true"] .tk-message {{ color: #b3261e; }}
[data-jp-theme-light="false"] .tk-message {{ color: #ff8a80; }}
.tk-space {{ border-left: 2px solid var(--tk-line); padding-left: 10px; }}

/* messages and progress */
.tk-box {{ border: 1px solid var(--tk-line); border-left-width: 4px; border-radius: 4px; padding: 8px 12px;
  margin: 4px 0; white-space: pre-wrap; overflow-wrap: anywhere; background: var(--jp-layout-color1); }}
.tk-box.tk-good {{ border-left-color: var(--tk-good); }}
.tk-box.tk-bad {{ border-left-color: var(--tk-bad); }}
.tk-box.tk-note {{ border-left-color: var(--tk-accent); }}
.tk-box pre, .tk-log {{ font: 12px/1.5 var(--jp-code-font-family); white-space: pre-wrap; overflow-wrap: anywhere;
  margin: 6px 0 0; max-height: 260px; overflow: auto; color: var(--jp-ui-font-color1); background: none; }}
.tk a {{ color: var(--jp-content-link-color); text-decoration: underline; }}
.tk-bar {{ height: 6px; border-radius: 3px; background: var(--jp-layout-color3); margin: 10px 0 12px;
  overflow: hidden; }}
.tk-bar div {{ height: 100%; border-radius: 3px; background: var(--tk-accent); transition: width .3s; }}
.tk-bar.tk-bad div {{ background: var(--tk-bad); }}
.tk table.tk-table {{ border-collapse: collapse; margin: 4px 0 8px; font-size: var(--jp-ui-font-size1); }}
.tk table.tk-table th, .tk table.tk-table td {{ padding: 5px 14px 5px 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--tk-line); background: none; color: var(--jp-ui-font-color1); max-width: none; }}
.tk table.tk-table th {{ font-weight: 600; color: var(--jp-ui-font-color1); }}
.tk table.tk-table td.tk-number, .tk table.tk-table th.tk-number {{ text-align: right;
  font-variant-numeric: tabular-nums; }}
.tk table.tk-table tr.tk-current td {{ font-weight: 600; }}
.tk-quiet, .tk table.tk-table td.tk-quiet {{ color: var(--jp-ui-font-color2); }}
.tk-scroll {{ overflow-x: auto; }}
"""


def make_style() -> HTML:
    """Make the invisible widget that carries the stylesheet; a view has it as its first child."""
    sheet = HTML(f"<style>{STYLE}</style>")
    sheet.add_class("tk-style")
    return sheet
