#include "gui/app/main_window.h"

#include <QApplication>
#include <QMenuBar>
#include <QMessageBox>
#include <QStatusBar>
#include <QVBoxLayout>
#include <algorithm>

#include "gui/app/actions.h"
#include "gui/document/edits.h"
#include "gui/views/focus_ring.h"

namespace headroom::gui {
namespace {

constexpr int kAutosaveDelayMs = 1500;
constexpr int kRequestWidth = 390;

}  // namespace

MainWindow::MainWindow(Library library, Places places, QWidget* parent)
    : QMainWindow(parent),
      m_session(std::move(library)),
      m_places(std::move(places)),
      m_autosave(m_places.state),
      m_settings(m_places.settingsFile(), QSettings::IniFormat) {
    setAcceptDrops(true);
    new FocusRing(this);
    resize(1280, 800);
    makePages();
    makeMenus();
    connectDocument();
    restoreSettings();
    auto recent = read_recent(m_places.recentFile());
    m_recent = recent.value;
    fillRecent();
    m_session.document.replace(empty_request(), {});
    recover(recent.notice);
}

MainWindow::~MainWindow() {
    // Pages are told nothing while they go.
    m_session.document.disconnect();
    m_session.document.undoStack().disconnect();
    m_session.planner.disconnect();
    m_session.disconnect();
}

void MainWindow::makePages() {
    auto* inside = new QWidget(this);
    auto* column = new QVBoxLayout(inside);
    m_messages = new MessageBar(inside);
    m_split = new QSplitter(inside);
    m_request = new RequestPage(m_session, m_split);
    m_pages = new QTabWidget(m_split);
    m_pages->setDocumentMode(true);
    m_pages->setAccessibleName(tr("Pages"));
    m_plan = new PlanPage(m_session, m_pages);
    m_ladder = new LadderPage(m_session, m_pages);
    m_plans = new PlansPage(m_session, m_pages);
    m_compare = new ComparePage(m_session, m_pages);
    m_run = new RunPage(m_session, m_pages);
    m_pages->addTab(m_plan, tr("Pl&an"));
    m_pages->addTab(m_ladder, tr("&Ladder"));
    m_pages->addTab(m_plans, tr("Plan&s"));
    m_pages->addTab(m_compare, tr("&Compare"));
    m_pages->addTab(m_run, tr("&Run"));
    m_split->addWidget(m_request);
    m_split->addWidget(m_pages);
    m_split->setStretchFactor(1, 1);
    m_split->setSizes({kRequestWidth, 1280 - kRequestWidth});
    m_split->setChildrenCollapsible(false);
    fitPages();
    column->addWidget(m_messages);
    column->addWidget(m_split, 1);
    setCentralWidget(inside);
    statusBar()->setSizeGripEnabled(true);
    m_step = new QLabel(statusBar());  // a message would go when a menu shows its own
    m_step->setObjectName(QStringLiteral("step"));
    statusBar()->addPermanentWidget(m_step);
}

void MainWindow::fitPages() {
    constexpr int kLines = 34;
    constexpr int kFrames = 16;  // as wide at any font
    m_pages->setMinimumWidth(kLines * fontMetrics().height() + kFrames);
}

void MainWindow::changeEvent(QEvent* event) {
    QMainWindow::changeEvent(event);
    if (event->type() == QEvent::FontChange && m_pages != nullptr) fitPages();
}

void MainWindow::makeMenus() {
    for (const auto& row : action_rows()) {
        auto* action = new QAction(tr(row.words), this);
        action->setObjectName(QString::fromUtf8(row.id));
        action->setShortcut(QKeySequence(QString::fromUtf8(row.keys)));
        action->setStatusTip(tr(row.tip));
        connect(action, &QAction::triggered, this, [this, row] { (this->*row.run)(); });
        const auto name = QString::fromUtf8(row.menu);
        auto* menu = menuBar()->findChild<QMenu*>(name);
        if (menu == nullptr) {
            menu = menuBar()->addMenu(tr(row.menu));
            menu->setObjectName(name);
        }
        menu->addAction(action);
        addAction(action);
        if (QByteArray(row.id) == "open") {
            m_recentMenu = menu->addMenu(tr("Open &recent"));
        }
    }
}

void MainWindow::connectDocument() {
    auto& document = m_session.document;
    connect(&document, &PlanDocument::stateChanged, this, &MainWindow::showTitle);
    connect(&document, &PlanDocument::requestChanged, this, &MainWindow::showTitle);
    connect(&document, &PlanDocument::requestChanged, m_messages, &MessageBar::dropOutdated);
    connect(&document, &PlanDocument::requestChanged, &m_autosaveTimer,
            [this] { m_autosaveTimer.start(); });
    connect(&document, &PlanDocument::questionChanged, &m_autosaveTimer,
            [this] { m_autosaveTimer.start(); });
    m_autosaveTimer.setSingleShot(true);
    m_autosaveTimer.setInterval(kAutosaveDelayMs);
    connect(&m_autosaveTimer, &QTimer::timeout, this, &MainWindow::autosave);
    connect(m_request, &RequestPage::openRequested, this, &MainWindow::open);
    connect(&m_session, &Session::told, m_messages,
            [this](const QString& sentence) { m_messages->showMessage(sentence, Tone::warning); });
    const auto follow = [this](const char* id, bool can) {
        findChild<QAction*>(QString::fromUtf8(id))->setEnabled(can);
    };
    auto& stack = document.undoStack();
    connect(&stack, &QUndoStack::canUndoChanged, this, [follow](bool can) { follow("undo", can); });
    connect(&stack, &QUndoStack::canRedoChanged, this, [follow](bool can) { follow("redo", can); });
    follow("undo", false);
    follow("redo", false);
    connect(&m_session.planner, &Planner::planChanged, this,
            [this](const std::shared_ptr<const Plan>& plan) { showStep(*plan); });
    connect(&m_session.planner, &Planner::planRefused, m_step, &QLabel::clear);
}

void MainWindow::showStep(const Plan& plan) {
    m_step->setText(
        tr("Step of %1 ops, digest %2").arg(plan.predicted.ops).arg(text(plan.predicted.digest)));
    if (!m_digest.empty() && m_digest != plan.predicted.digest) {
        m_session.tell(
            tr("Another version wrote this plan: this one lowers the step "
               "differently, and the numbers are this version's."));
    }
    m_digest.clear();
}

void MainWindow::showTitle() {
    const auto& document = m_session.document;
    setWindowTitle(document.title() + QStringLiteral("[*] – Headroom"));
    setWindowModified(document.isDirty());
    setWindowFilePath(document.path());
}

void MainWindow::setTheme(ThemeChoice choice) {
    applyTheme(choice);
    m_settings.setValue(QStringLiteral("theme"), static_cast<int>(choice));
}

void MainWindow::toggleUnit() {
    const bool gib = m_session.figures().unit == MemoryUnit::gib;
    m_session.setFigures({gib ? MemoryUnit::gb : MemoryUnit::gib});
    m_settings.setValue(QStringLiteral("gb"), gib);
}

void MainWindow::scaleText(int steps) {
    m_fontSize = std::clamp((m_fontSize > 0 ? m_fontSize : font().pointSize()) + steps, 7, 24);
    QFont size = QApplication::font();
    size.setPointSize(m_fontSize);
    QApplication::setFont(size);
    m_settings.setValue(QStringLiteral("font"), m_fontSize);
}

void MainWindow::toggleSettings() { m_request->disclose(m_request->form().isHidden()); }

void MainWindow::searchPlans() {
    m_pages->setCurrentWidget(m_plans);
    m_plans->startSearch();
}

void MainWindow::restoreSettings() {
    restoreGeometry(m_settings.value(QStringLiteral("geometry")).toByteArray());
    m_split->restoreState(m_settings.value(QStringLiteral("split")).toByteArray());
    const int pages = m_pages->count();
    m_pages->setCurrentIndex(
        std::clamp(m_settings.value(QStringLiteral("page")).toInt(), 0, pages - 1));
    const int theme = m_settings.value(QStringLiteral("theme")).toInt();
    applyTheme(static_cast<ThemeChoice>(std::clamp(theme, 0, 2)));
    if (m_settings.value(QStringLiteral("gb")).toBool()) m_session.setFigures({MemoryUnit::gb});
    m_fontSize = m_settings.value(QStringLiteral("font")).toInt();
    if (m_fontSize > 0) scaleText(0);
}

void MainWindow::keepSettings() {
    m_settings.setValue(QStringLiteral("geometry"), saveGeometry());
    m_settings.setValue(QStringLiteral("split"), m_split->saveState());
    m_settings.setValue(QStringLiteral("page"), m_pages->currentIndex());
    m_settings.sync();
}

Unsaved MainWindow::askUnsaved() {
    if (m_ask) return m_ask();
    const auto answer = QMessageBox::question(
        this, tr("Unsaved plan"), tr("Save the changes to %1?").arg(m_session.document.title()),
        QMessageBox::Save | QMessageBox::Discard | QMessageBox::Cancel, QMessageBox::Save);
    if (answer == QMessageBox::Save) return Unsaved::save;
    return answer == QMessageBox::Discard ? Unsaved::discard : Unsaved::cancel;
}

bool MainWindow::mayReplace() {
    if (!m_session.document.isDirty()) return true;
    const Unsaved answer = askUnsaved();
    if (answer == Unsaved::save) {
        save();
        return !m_session.document.isDirty();
    }
    return answer == Unsaved::discard;
}

void MainWindow::closeEvent(QCloseEvent* event) {
    if (!mayReplace()) {
        event->ignore();
        return;
    }
    m_session.planner.cancelSearch();
    m_autosaveTimer.stop();
    m_autosave.drop();
    keepSettings();
    QMainWindow::closeEvent(event);
}

}  // namespace headroom::gui
