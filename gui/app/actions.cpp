#include "gui/app/actions.h"

#include <array>

#include "gui/app/main_window.h"

namespace headroom::gui {
namespace {

using W = MainWindow;

constexpr std::array kActions{
    ActionRow{"new", "&New", "&File", "Ctrl+N", &W::newDocument, "Starts an empty document"},
    ActionRow{"open", "&Open…", "&File", "Ctrl+O", &W::open,
              "Opens a plan, request, config.json, safetensors, GPU profile or measurement"},
    ActionRow{"save", "&Save", "&File", "Ctrl+S", &W::save, "Saves the plan"},
    ActionRow{"save_as", "Save &as…", "&File", "Ctrl+Shift+S", &W::saveAs,
              "Saves the plan under another name"},
    ActionRow{"export", "&Export the page…", "&File", "Ctrl+E", &W::exportPage,
              "Writes the page as PNG, SVG, CSV, Markdown or text, or the plan as JSON"},
    ActionRow{"print", "&Print…", "&File", "Ctrl+P", &W::print, "Prints the page"},
    ActionRow{"quit", "&Quit", "&File", "Ctrl+Q", &W::quit, "Closes the window"},
    ActionRow{"undo", "&Undo", "&Edit", "Ctrl+Z", &W::undo, "Takes the last edit back"},
    ActionRow{"redo", "&Redo", "&Edit", "Ctrl+Shift+Z", &W::redo, "Makes it again"},
    ActionRow{"copy_text", "&Copy the plan as text", "&Edit", "Ctrl+Shift+C", &W::copyAsText,
              "What headroom predict prints"},
    ActionRow{"model", "Choose a &model", "&Edit", "Ctrl+M", &W::focusModel, ""},
    ActionRow{"gpu", "Choose a &GPU", "&Edit", "Ctrl+G", &W::focusGpu, ""},
    ActionRow{"settings", "Every se&tting", "&Edit", "Ctrl+T", &W::toggleSettings,
              "Shows or hides the settings behind the four questions"},
    ActionRow{"palette", "&Find an action…", "&Edit", "Ctrl+K", &W::showPalette,
              "Everything the window does, by name"},
    ActionRow{"unit", "GiB or &GB", "&View", "Ctrl+B", &W::toggleUnit,
              "Shows memory in 2^30 or in 10^9 bytes"},
    ActionRow{"larger", "&Larger text", "&View", "Ctrl++", &W::largerText, ""},
    ActionRow{"smaller", "S&maller text", "&View", "Ctrl+-", &W::smallerText, ""},
    ActionRow{"theme_system", "Colours of the &system", "&View", "", &W::systemTheme, ""},
    ActionRow{"theme_light", "L&ight colours", "&View", "", &W::lightTheme, ""},
    ActionRow{"theme_dark", "&Dark colours", "&View", "", &W::darkTheme, ""},
    ActionRow{"search", "&Search for the best plan", "&Plan", "F5", &W::searchPlans,
              "Looks through every configuration"},
    ActionRow{"first_fit", "&Take the first rung that fits", "&Plan", "Ctrl+L", &W::adoptFirstFit,
              "Adopts the ladder's first rung that fits"},
    ActionRow{"keep", "&Keep for comparison", "&Plan", "Ctrl+D", &W::keepForComparison,
              "Puts the present plan on the compare page"},
    ActionRow{"run", "&Run on this machine", "&Plan", "Ctrl+R", &W::startRun,
              "Starts headroom-run on the present plan"},
    ActionRow{"stop", "St&op the run", "&Plan", "Ctrl+.", &W::stopRun, ""},
    ActionRow{"help", "&What a term means", "&Help", "F1", &W::showGlossary,
              "Explains what has the focus, and every other term"},
    ActionRow{"about", "&About Headroom", "&Help", "", &W::showAbout, ""},
};

}  // namespace

std::span<const ActionRow> action_rows() { return kActions; }

}  // namespace headroom::gui
