#pragma once

#include <QDialog>
#include <QLabel>
#include <QLineEdit>
#include <QListWidget>
#include <QString>
#include <functional>
#include <vector>

namespace headroom::gui {

/// Something that can be done, by name.
struct Command {
    QString words{};
    QString keys{};
    std::function<void()> run{};
};

/// Everything there is to do, narrowed down by typing; Return does the first one.
class PaletteDialog : public QDialog {
    Q_OBJECT

public:
    PaletteDialog(std::vector<Command> commands, QWidget* parent = nullptr);

    void filter(const QString& typed);
    [[nodiscard]] QStringList shown() const;
    void accept() override;

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

private:
    std::vector<Command> m_commands;
    QLineEdit* m_typed;
    QListWidget* m_list;
    QLabel* m_nothing;
};

}  // namespace headroom::gui
