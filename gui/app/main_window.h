#pragma once

#include <QAction>
#include <QLabel>
#include <QMainWindow>
#include <QMenu>
#include <QSettings>
#include <QSplitter>
#include <QTabWidget>
#include <QTimer>
#include <functional>

#include "gui/app/settings.h"
#include "gui/document/kept_files.h"
#include "gui/document/open_file.h"
#include "gui/pages/compare_page.h"
#include "gui/pages/ladder_page.h"
#include "gui/pages/plan_page.h"
#include "gui/pages/plans_page.h"
#include "gui/pages/request_page.h"
#include "gui/pages/run_page.h"
#include "gui/views/message_bar.h"
#include "planner/plan/plan_json.h"

class QPrinter;

namespace headroom::gui {

enum class Unsaved { save, discard, cancel };

/// The window: the request at the left, what follows from it in pages at the right.
class MainWindow : public QMainWindow {
    Q_OBJECT

public:
    MainWindow(Library library, Places places, QWidget* parent = nullptr);
    ~MainWindow() override;

    /// Opens a plan, request, model, GPU profile or measurement; what is wrong with it is a
    /// message, and the document stays.
    void openPath(const QString& path);
    bool saveTo(const QString& path);
    /// By suffix: json, csv, md, txt, png, svg. The present page, or the plan.
    bool exportTo(const QString& path);
    void printTo(QPrinter& printer);
    /// What to do about unsaved edits; asks the person unless replaced.
    void setUnsavedQuestion(std::function<Unsaved()> ask) { m_ask = std::move(ask); }

    [[nodiscard]] Session& session() { return m_session; }
    [[nodiscard]] RequestPage& requestPage() { return *m_request; }
    [[nodiscard]] PlanPage& planPage() { return *m_plan; }
    [[nodiscard]] LadderPage& ladderPage() { return *m_ladder; }
    [[nodiscard]] PlansPage& plansPage() { return *m_plans; }
    [[nodiscard]] ComparePage& comparePage() { return *m_compare; }
    [[nodiscard]] RunPage& runPage() { return *m_run; }
    [[nodiscard]] QTabWidget& pages() { return *m_pages; }
    [[nodiscard]] MessageBar& messages() { return *m_messages; }
    [[nodiscard]] const QStringList& recent() const { return m_recent; }
    void setTheme(ThemeChoice choice);

    // The actions; see actions.cpp for their names, keys and menus.
    void newDocument();
    void open();
    void save();
    void saveAs();
    void exportPage();
    void print();
    void quit() { close(); }
    void undo() { m_session.document.undoStack().undo(); }
    void redo() { m_session.document.undoStack().redo(); }
    void copyAsText();
    void showPalette();
    void showGlossary();
    void showAbout();
    void searchPlans();
    void adoptFirstFit() { m_ladder->adoptFirstFit(); }
    void keepForComparison() { m_compare->keepPresent(); }
    void startRun() { m_run->startRun(); }
    void stopRun() { m_run->stopRun(); }
    void toggleUnit();
    void largerText() { scaleText(1); }
    void smallerText() { scaleText(-1); }
    void systemTheme() { setTheme(ThemeChoice::system); }
    void lightTheme() { setTheme(ThemeChoice::light); }
    void darkTheme() { setTheme(ThemeChoice::dark); }
    void toggleSettings();
    void focusModel() { m_request->focusModel(); }
    void focusGpu() { m_request->focusGpu(); }

protected:
    void changeEvent(QEvent* event) override;
    void closeEvent(QCloseEvent* event) override;
    void dragEnterEvent(QDragEnterEvent* event) override;
    void dropEvent(QDropEvent* event) override;

private:
    void makePages();
    /// The pages keep room for their tables, as large as the font is.
    void fitPages();
    void makeMenus();
    void connectDocument();
    void restoreSettings();
    void keepSettings();
    /// The page, or its plan, as a file of that suffix holds it.
    [[nodiscard]] QByteArray exported(const QString& path);
    void scaleText(int steps);
    void showTitle();
    void showStep(const Plan& plan);
    void fillRecent();
    void remember(const QString& path);
    /// `notice`: what was wrong with the window's other files.
    void recover(const QString& notice);
    void autosave();
    [[nodiscard]] bool mayReplace();
    [[nodiscard]] Unsaved askUnsaved();
    void takeOpened(const OpenedPlan& plan, const QString& path);

    Session m_session;
    Places m_places;
    Autosave m_autosave;
    QTimer m_autosaveTimer{};
    QSettings m_settings;
    QStringList m_recent{};
    std::function<Unsaved()> m_ask{};
    std::string m_digest{};  ///< of the step in the file that was opened last
    int m_fontSize = 0;
    QLabel* m_step = nullptr;  ///< in the status bar: what the plan was lowered to
    QMenu* m_recentMenu = nullptr;
    QSplitter* m_split = nullptr;
    QTabWidget* m_pages = nullptr;
    MessageBar* m_messages = nullptr;
    RequestPage* m_request = nullptr;
    PlanPage* m_plan = nullptr;
    LadderPage* m_ladder = nullptr;
    PlansPage* m_plans = nullptr;
    ComparePage* m_compare = nullptr;
    RunPage* m_run = nullptr;
};

}  // namespace headroom::gui
